# Published files, each fetched once and verified, and their stand-ins in a separate folder.

from palimpsest.published.catalogue import PUBLISHED_FILES


rule fetch_weights:
    output:
        "data/weights/paper/{file}",
    log:
        "logs/fetch_weights/{file}.log",
    benchmark:
        "logs/benchmarks/fetch_weights/{file}.tsv"
    wildcard_constraints:
        file=one_of(PUBLISHED_FILES),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=120,
        gpu=0,
    params:
        # where a user puts a file that cannot be fetched; it is verified like the others
        by_hand="--by-hand data/weights/by_hand",
        manifest="",
        origin="",
    message:
        "Fetch {wildcards.file} and verify it"
    shell:
        "python -m stages.fetch_weights --name {wildcards.file} {params.by_hand}"
        " {params.manifest} {params.origin} --out {output} > {log} 2>&1"


use rule fetch_weights as fetch_stand_in with:
    input:
        PARAMETERS.stand_ins.manifest or [],
    output:
        "data/weights/stand_ins/{file}",
    log:
        "logs/fetch_stand_in/{file}.log",
    benchmark:
        "logs/benchmarks/fetch_stand_in/{file}.tsv"
    params:
        by_hand="",
        manifest=lambda wildcards, input: option("--stand-ins", input),
        origin=option("--origin", PARAMETERS.stand_ins.origin),
    message:
        "Fetch the stand-in of {wildcards.file} and verify it"


rule assemble_parser:
    input:
        encoder="data/weights/{published}/upp-resnet50-upernet/encoder_epoch_40.pth",
        decoder="data/weights/{published}/upp-resnet50-upernet/decoder_epoch_40.pth",
        labels="data/weights/{published}/upp-resnet50-upernet/labels.json",
    output:
        "data/weights/{published}/upp-resnet50-upernet.safetensors",
    log:
        "logs/assemble_parser/{published}.log",
    benchmark:
        "logs/benchmarks/assemble_parser/{published}.tsv"
    wildcard_constraints:
        published="paper|stand_ins",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        gpu=0,
    message:
        "Join the three files of unified perceptual parsing"
    shell:
        "python -m stages.assemble_parser --encoder {input.encoder} --decoder {input.decoder}"
        " --labels {input.labels} --out {output} > {log} 2>&1"
