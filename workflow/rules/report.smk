# One page with all tables and figures.


rule report:
    input:
        tables=PLAN.tables,
        figures=[*PLAN.figures, *PLAN.walks],
    output:
        "results/report.html",
    log:
        "logs/report.log",
    benchmark:
        "logs/benchmarks/report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        tables=lambda wildcards, input: repeated("--table", input.tables),
        figures=lambda wildcards, input: repeated("--figure", input.figures),
    message:
        "Write results/report.html"
    shell:
        "python -m stages.report {params.tables} {params.figures} --out {output} > {log} 2>&1"
