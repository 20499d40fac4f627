# Photographs (opt-in, docs/photographs.md): a generator, its instruments, its grades, and one's own
# photograph in it. All training and grading needs the archive of photographs, which is not part of
# the repository; only measure_training_curve does without.


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
        snapshots="results/training/snapshots",
    message:
        "Train the {wildcards.generator} generator on photographs (many hours on a CPU)"
    shell:
        "python -m stages.train_photographs --archive {input.archive} --recipe {params.recipe:q}"
        " --checkpoint {params.checkpoint} --snapshots {params.snapshots} --out {output}"
        " > {log} 2>&1"


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


rule train_framing:
    input:
        archive=lambda wildcards: PARAMETERS.photographs[wildcards.generator].archive,
    output:
        "results/training/{generator}-framing.safetensors",
    log:
        "logs/train_framing/{generator}.log",
    benchmark:
        "logs/benchmarks/train_framing/{generator}.tsv"
    wildcard_constraints:
        generator=one_of(PARAMETERS.photographs),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
        gpu=0,
    params:
        recipe=lambda wildcards: as_json(PARAMETERS.photographs[wildcards.generator].framing),
    message:
        "Train the network that finds the faces of {wildcards.generator} in larger pictures"
    shell:
        "python -m stages.train_framing --archive {input.archive} --recipe {params.recipe:q}"
        " --out {output} > {log} 2>&1"


rule train_encoder:
    input:
        archive=lambda wildcards: PARAMETERS.photographs[wildcards.generator].archive,
        weights=lambda wildcards: PARAMETERS.photographs[wildcards.generator].weights,
        segmenter=lambda wildcards: PARAMETERS.photographs[wildcards.generator].segmenter,
    output:
        "results/training/{generator}-encoder.safetensors",
    log:
        "logs/train_encoder/{generator}.log",
    benchmark:
        "logs/benchmarks/train_encoder/{generator}.tsv"
    wildcard_constraints:
        generator=one_of(PARAMETERS.photographs),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=0,
    params:
        recipe=lambda wildcards: as_json(PARAMETERS.photographs[wildcards.generator].encoder),
        inversion=lambda wildcards: as_json(PARAMETERS.photographs[wildcards.generator].inversion),
    message:
        "Train the encoder of {wildcards.generator}, and measure the error of held-out faces"
    shell:
        "python -m stages.train_encoder --weights {input.weights} --segmenter {input.segmenter}"
        " --archive {input.archive} --recipe {params.recipe:q} --inversion {params.inversion:q}"
        " --out {output} > {log} 2>&1"


# a photograph of your own: put me.jpg into data/photographs/own/ and ask for
# results/photographs/photo_faces/me.jpg.safetensors
rule invert_photograph:
    input:
        photograph="data/photographs/own/{photograph}",
        weights=lambda wildcards: PARAMETERS.photographs[wildcards.generator].weights,
        segmenter=lambda wildcards: PARAMETERS.photographs[wildcards.generator].segmenter,
        encoder="data/weights/mini/{generator}-encoder.safetensors",
        framing="data/weights/mini/{generator}-framing.safetensors",
    output:
        "results/photographs/{generator}/{photograph}.safetensors",
    log:
        "logs/invert_photograph/{generator}/{photograph}.log",
    benchmark:
        "logs/benchmarks/invert_photograph/{generator}/{photograph}.tsv"
    wildcard_constraints:
        generator=one_of(PARAMETERS.photographs),
        photograph=r"[^/]+",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        inversion=lambda wildcards: as_json(PARAMETERS.photographs[wildcards.generator].inversion),
        adaptation=lambda wildcards: as_json(PARAMETERS.photographs[wildcards.generator].adaptation),
        above=lambda wildcards: PARAMETERS.photographs[wildcards.generator].above,
    message:
        "Invert the photograph {wildcards.photograph} in the {wildcards.generator} generator"
    shell:
        "python -m stages.invert_photograph --photograph {input.photograph}"
        " --weights {input.weights} --segmenter {input.segmenter} --encoder {input.encoder}"
        " --framing {input.framing} --inversion {params.inversion:q}"
        " --adaptation {params.adaptation:q} --above {params.above} --out {output}"
        " --device {resources.device} > {log} 2>&1"


rule grade_photographs:
    input:
        weights=lambda wildcards: PARAMETERS.photographs[wildcards.generator].weights,
        parts=lambda wildcards: PARAMETERS.photographs[wildcards.generator].segmenter,
        reference=lambda wildcards: PARAMETERS.photographs[wildcards.generator].reference,
        archive=lambda wildcards: PARAMETERS.photographs[wildcards.generator].archive,
    output:
        table="results/tables/photograph_grades_{generator}.csv",
        # shows photographs, which are not part of the project: it stays out of docs/results/
        sheet="results/photographs/neighbours_{generator}.png",
    log:
        "logs/grade_photographs/{generator}.log",
    benchmark:
        "logs/benchmarks/grade_photographs/{generator}.tsv"
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
        settings=lambda wildcards: as_json(PARAMETERS.photographs[wildcards.generator].grading),
    message:
        "Grade the {wildcards.generator} generator against held-out photographs"
    shell:
        "python -m stages.grade_photographs --model {wildcards.generator}"
        " --weights {input.weights} --parts {input.parts} --reference {input.reference}"
        " --archive {input.archive} --settings {params.settings:q}"
        " --out-table {output.table} --out-sheet {output.sheet} > {log} 2>&1"


rule measure_training_curve:
    input:
        # those that train_photographs has written so far
        weights=lambda wildcards: sorted(
            map(
                str,
                Path("results/training/snapshots").glob(f"{wildcards.generator}_*.safetensors"),
            )
        ),
        parts=lambda wildcards: PARAMETERS.photographs[wildcards.generator].segmenter,
        reference=lambda wildcards: PARAMETERS.photographs[wildcards.generator].reference,
    output:
        table="results/tables/training_curve_{generator}.csv",
        panel="results/panels/figS7_training_curve_{generator}.npz",
    log:
        "logs/measure_training_curve/{generator}.log",
    benchmark:
        "logs/benchmarks/measure_training_curve/{generator}.tsv"
    wildcard_constraints:
        generator=one_of(PARAMETERS.photographs),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=0,
    params:
        weights=lambda wildcards, input: repeated("--weights", input.weights),
        seed=lambda wildcards: PARAMETERS.photographs[wildcards.generator].grading.seed,
    message:
        "Measure the Fréchet distance of {wildcards.generator} as its training went on"
    shell:
        "python -m stages.measure_training_curve --model {wildcards.generator} {params.weights}"
        " --parts {input.parts} --reference {input.reference} --seed {params.seed}"
        " --out {output.table} --out-panel {output.panel} > {log} 2>&1"
