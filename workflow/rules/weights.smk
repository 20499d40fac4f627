# Published weights: fetched once, verified against the hash in their name.


rule fetch_weights:
    output:
        "data/weights/paper/{file}",
    log:
        "logs/fetch_weights/{file}.log",
    benchmark:
        "logs/benchmarks/fetch_weights/{file}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=120,
        gpu=0,
    message:
        "Fetch {wildcards.file} and verify it"
    shell:
        "python -m stages.fetch_weights --name {wildcards.file} --out {output} > {log} 2>&1"
