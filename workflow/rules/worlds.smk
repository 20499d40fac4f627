# The mini worlds: training (only on request; the trained files ship with the repository), grading.


rule train_world:
    output:
        "results/training/{generator}.safetensors",
    log:
        "logs/train_world/{generator}.log",
    benchmark:
        "logs/benchmarks/train_world/{generator}.tsv"
    wildcard_constraints:
        generator=one_of(PLAN.trainable_generators),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=600,
        gpu=0,
    params:
        world=lambda wildcards: PARAMETERS.world_of_generator(wildcards.generator),
        recipe=lambda wildcards: as_json(PLAN.trainable_generators[wildcards.generator]),
        # not an output, so that a stopped run finds it and continues
        checkpoint=lambda wildcards: f"results/training/{wildcards.generator}.checkpoint.pt",
    message:
        "Train the {wildcards.generator} generator on its world (hours on a CPU)"
    shell:
        "python -m stages.train_world --world {params.world} --recipe {params.recipe:q}"
        " --checkpoint {params.checkpoint} --out {output} > {log} 2>&1"


rule train_segmenter:
    output:
        "results/training/{world}-segmenter.safetensors",
    log:
        "logs/train_segmenter/{world}.log",
    benchmark:
        "logs/benchmarks/train_segmenter/{world}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=0,
    params:
        recipe=lambda wildcards: as_json(PARAMETERS.worlds[wildcards.world].segmenter),
    message:
        "Train the {wildcards.world} segmenter on exact labels"
    shell:
        "python -m stages.train_segmenter --world {wildcards.world}"
        " --recipe {params.recipe:q} --out {output} > {log} 2>&1"


rule train_classifier:
    output:
        "results/training/{world}-{attribute}.safetensors",
    log:
        "logs/train_classifier/{world}-{attribute}.log",
    benchmark:
        "logs/benchmarks/train_classifier/{world}-{attribute}.tsv"
    wildcard_constraints:
        attribute=r"(?!(segmenter|critic)\.)[a-z_]+",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
        gpu=0,
    params:
        recipe=lambda wildcards: as_json(
            PARAMETERS.worlds[wildcards.world].classifiers[wildcards.attribute]
        ),
    message:
        "Train the classifier of {wildcards.attribute} in the {wildcards.world} world"
    shell:
        "python -m stages.train_classifier --world {wildcards.world}"
        " --attribute {wildcards.attribute} --recipe {params.recipe:q} --out {output} > {log} 2>&1"


rule train_critic:
    input:
        weights=lambda wildcards: PLAN.weights(wildcards.world),
        segmenter=lambda wildcards: PLAN.segmenter(wildcards.world),
    output:
        "results/training/{world}-critic.safetensors",
    log:
        "logs/train_critic/{world}.log",
    benchmark:
        "logs/benchmarks/train_critic/{world}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
        gpu=0,
    params:
        recipe=lambda wildcards: as_json(PARAMETERS.worlds[wildcards.world].critic),
    message:
        "Train the critic of the {wildcards.world} generator on its samples under random edits"
    shell:
        "python -m stages.train_critic --weights {input.weights} --segmenter {input.segmenter}"
        " --model {wildcards.world} --world {wildcards.world} --recipe {params.recipe:q}"
        " --out {output} > {log} 2>&1"


rule preview_world:
    output:
        "results/panels/figS4_world_{world}.npz",
    log:
        "logs/preview_world/{world}.log",
    benchmark:
        "logs/benchmarks/preview_world/{world}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        scenes=8,
        seed=PARAMETERS.draw.seed,
    message:
        "Render scenes of the {wildcards.world} world, their labels and counterfactuals"
    shell:
        "python -m stages.preview_world --world {wildcards.world} --scenes {params.scenes}"
        " --seed {params.seed} --out {output} > {log} 2>&1"


rule grade_generator:
    input:
        weights=lambda wildcards: PLAN.weights(wildcards.model),
        segmenter=lambda wildcards: PLAN.segmenter_files(wildcards.model),
        classifiers=lambda wildcards: PARAMETERS.models[wildcards.model].classifiers,
    output:
        table="results/grades/{model}.csv",
        panel="results/measurements/panels/figS3_generator_{model}.npz",
    log:
        "logs/grade_generator/{model}.log",
    benchmark:
        "logs/benchmarks/grade_generator/{model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=0,
    params:
        samples=PARAMETERS.grade.samples,
        seed=PARAMETERS.grade.seed,
        classifiers=lambda wildcards, input: repeated("--classifier", input.classifiers),
    message:
        "Grade the {wildcards.model} generator against its world"
    shell:
        "python -m stages.grade_generator --model {wildcards.model} --weights {input.weights}"
        " --segmenter {input.segmenter} {params.classifiers}"
        " --samples {params.samples} --seed {params.seed}"
        " --out-table {output.table} --out-panel {output.panel} > {log} 2>&1"


rule grade_rule:
    input:
        weights=lambda wildcards: PLAN.weights(wildcards.model),
        segmenter=lambda wildcards: PLAN.segmenter_files(wildcards.model),
    output:
        "results/rules/{model}.csv",
    log:
        "logs/grade_rule/{model}.log",
    benchmark:
        "logs/benchmarks/grade_rule/{model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=0,
    params:
        settings=lambda wildcards: as_json(PARAMETERS.grade_rule[wildcards.model]),
    message:
        "Measure the causal rule of the {wildcards.model} generator"
    shell:
        "python -m stages.grade_rule --model {wildcards.model} --weights {input.weights}"
        " --segmenter {input.segmenter} --settings {params.settings:q} --out {output} > {log} 2>&1"
