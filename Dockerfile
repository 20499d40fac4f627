# The packages and the project, for clusters that run containers (docs/cluster.md).
#
#   docker build --tag palimpsest .
#   docker run --rm --volume "$PWD/results:/palimpsest/results" palimpsest snakemake --cores all

FROM python:3.11-slim-bookworm

SHELL ["/bin/bash", "-euo", "pipefail", "-c"]

# make runs the targets of the Makefile
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends --yes make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /palimpsest

# before the project itself, so that a changed file does not install the packages again
COPY requirements.txt .
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir "$(grep '^uv==' requirements.txt)" \
    && VIRTUAL_ENV=/palimpsest/.venv .venv/bin/uv pip sync --no-cache --compile-bytecode requirements.txt \
    && cp requirements.txt .venv/.requirements.txt

COPY . .

ENV PATH=/palimpsest/.venv/bin:$PATH \
    PYTHONPATH=/palimpsest \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    MKL_NUM_THREADS=1

CMD ["snakemake", "--cores", "all"]
