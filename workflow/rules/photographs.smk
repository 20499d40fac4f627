# Photographs (opt-in, docs/photographs.md): the generator, its instruments, its grades. All of these
# rules need the archive of photographs, which is not part of the repository.


rule train_photographs:
    input:
        archive=lambda wildcards: PARAMETERS.photographs[wildcards.generator].archive,
    output:
        "results/training/{generator}.safetensors",
    log:
        "logs/train_photographs/{generator}.log",
    benchmark:
        "logs/benchmarks/train_photographs/{generator}.tsv"
    wildcard_constraints:
        generator=one_of(PARAMETERS.photographs),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=1440,
        gpu=0,
    params:
        recipe=lambda wildcards: as_json(PARAMETERS.photographs[wildcards.generator].recipe),
        # not an output, so that a stopped run finds it and continues
        checkpoint=lambda wildcards: f"results/training/{wildcards.generator}.checkpoint.pt",
    message:
        "Train the {wildcards.generator} generator on photographs (many hours on a CPU)"
    shell:
        "python -m stages.train_photographs --archive {input.archive} --recipe {params.recipe:q}"
        " --checkpoint {params.checkpoint} --out {output} > {log} 2>&1"


rule train_photograph_instruments:
    input:
        archive=lambda wildcards: PARAMETERS.photographs[wildcards.generator].archive,
    output:
        smile="results/training/{generator}-smile.safetensors",
        parts="results/training/{generator}-parts.safetensors",
        reference="results/training/{generator}-reference.safetensors",
    log:
        "logs/train_photograph_instruments/{generator}.log",
    benchmark:
        "logs/benchmarks/train_photograph_instruments/{generator}.tsv"
    wildcard_constraints:
        generator=one_of(PARAMETERS.photographs),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=0,
    params:
        recipe=lambda wildcards: as_json(PARAMETERS.photographs[wildcards.generator].instruments),
    message:
        "Train the instruments of {wildcards.generator}: smile classifier, backbone, reference"
    shell:
        "python -m stages.train_photograph_instruments --archive {input.archive}"
        " --recipe {params.recipe:q} --out-smile {output.smile} --out-parts {output.parts}"
        " --out-reference {output.reference} > {log} 2>&1"
