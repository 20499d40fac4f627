# make figures   make every table and figure, from the weights in the repository
# make quick     make a few of them from few samples
# make test      run the tests
# make help      list all targets

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

UV_VERSION := $(shell sed -n 's/^uv==//p' requirements.txt)
READY := .venv/.requirements.txt
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

# Snakemake gives each job OMP_NUM_THREADS = its `threads:`; every other command uses one thread.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help figures quick editor photographs many-photographs test test-portable faults worlds-preview stand-ins lint clean pull snapshot adopt-weights adopt-layers lock environment

help:  ## list all targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

figures: $(READY)  ## make every table and figure, and results/report.html
	@test -f $(PHOTOGRAPHS) || python -m stages.fetch_photographs --attempts 1 --timeout 10 --out $(PHOTOGRAPHS) \
		|| echo "Without photographs: figS5_photographs and photographs.csv are left out" >&2
	snakemake --cores all
	echo "Done: results/report.html, results/tables/, results/figures/"

# In a folder of its own, so that nothing here is mistaken for a result of `make figures`.
QUICK := quick
quick: $(READY)  ## make Table 2 and Figures 1, 3 and 4 from few samples: quick/results/report.html
	@mkdir -p $(QUICK)/data
	ln -sfn $(addprefix ../,params.yaml environment.yml workflow) $(QUICK)
	ln -sfn $(addprefix ../../data/,layer_choice.csv paper_figures sessions weights) $(QUICK)/data
	PYTHONPATH="$(CURDIR)" snakemake --cores all --directory $(QUICK) --config scale=quick
	echo "Done: $(QUICK)/results/report.html. These are few samples; make figures makes the real ones"

PORT := 8000
editor: $(READY)  ## open the editor in a browser; PORT=8001, MODEL=face
	@python -m palimpsest editor --port $(PORT) $(if $(MODEL),--model $(MODEL))

test: $(READY)  ## run the tests in two processes
	@python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore-glob='*/faults/test_[!k]*'

PHOTOGRAPHS := $(shell sed -n 's/^ *archive: *//p' params.yaml)

photographs: $(READY)  ## fetch and verify the photographs, which are not part of the project
	@python -m stages.fetch_photographs --out $(PHOTOGRAPHS)

many-photographs: photographs  ## measure 100 held-out photographs, results/tables/photographs_100.csv
	@snakemake --cores all many_photographs

# The instructions of an old processor, which sums in another order (docs/testing.md).
TESTS := tests
OLD_PROCESSOR := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE \
	OPENBLAS_CORETYPE=Nehalem OMP_NUM_THREADS=2 MKL_NUM_THREADS=2

test-portable: $(READY)  ## run TESTS (all by default) as an old processor computes them
	@env $(OLD_PROCESSOR) python -m pytest $(TESTS) --ignore=tests/faults --ignore=tests/cluster \
		--ignore=tests/pipeline/test_smoke.py --ignore=tests/pipeline/test_dvc.py \
		--ignore=tests/pipeline/test_plan.py

faults: $(READY)  ## run all tests of killed runs, damaged files and full disks (docs/reliability.md)
	@python -m pytest tests/faults -s

worlds-preview: $(READY)  ## draw a contact sheet of every world: scenes, labels, counterfactuals
	@snakemake --cores all worlds_preview
	ls results/figures/figS4_world_*.png

lint: $(READY)  ## run ruff, snakefmt and Snakemake's linter
	@ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

# Stand-ins of the published files: the same sizes and layouts with random weights, without network.
SERVED := data/weights/stand_ins_served
DEVICE := cpu
UPP := upp-resnet50-upernet
STAND_INS := stylegan2_church-e8ca9fd0.pt stylegan2_faces-2858cc2e.pt stylegan2_horse-499b5380.pt \
	proggan_kitchen-67f1e16c.pth proggan_churchoutdoor-7e701dd5.pth stylegan2_kitchen-b3a526e9.pt \
	$(patsubst %,masks/%.json,dome2spire dome2tree dome2castle smile add_people_market \
		multikey_newtower2tree multikey_markandbottom hat_on_horse_ears horse_tail) \
	masks/kitchen_reflections.json \
	$(patsubst %,$(UPP)/%,encoder_epoch_40.pth decoder_epoch_40.pth labels.json) \
	face-parsing-02dd3f6f.pth celeba-smile.pth alexnet-owt-7be5be79.pth \
	weights-inception-2015-12-05-6726825d.pth

stand-ins: $(READY)  ## run the paper's whole chain at n = 8 on stand-ins of its files; DEVICE=cuda: on a GPU
	@python -m stages.make_stand_ins --out $(SERVED) $(STAND_INS:%=--file %)
	python -m http.server --bind 127.0.0.1 --directory $(SERVED) 8765 > $(SERVED)/server.log 2>&1 &
	server=$$!
	trap 'kill $$server' EXIT
	snakemake --cores all --config scale=stand_ins 'compute={device: $(DEVICE)}'

clean:  ## remove what the pipeline wrote (keeps the packages and the DVC cache)
	@rm -rf results logs .snakemake data/statistics data/edits $(QUICK)

# Snakemake has no record of the jobs that made the files DVC pulls, and would make them again. `dvc
# status` compares every output, input and parameter with dvc.lock; if all agree, the files are marked
# as up to date. (STAGES=edits: only that stage of dvc.yaml and those before it.)
pull: $(READY)  ## pull what `dvc repro` made elsewhere, and mark it as up to date
	@only=($(if $(STAGES),--with-deps $(STAGES)))
	dvc pull "$${only[@]}"
	if dvc status --quiet "$${only[@]}"; then
		snakemake --cores 1 --touch --forceall $(STAGES)
	else
		echo "Some files or parameters differ from dvc.lock; 'dvc repro' makes what is missing" >&2
	fi

snapshot:  ## copy tables and reduced figures to docs/results/, for readers of the repository
	@test -d results/tables || { echo "nothing to copy: run 'make figures' first" >&2; exit 1; }
	python -m stages.snapshot --tables results/tables --figures results/figures --out docs/results

adopt-weights:  ## copy trained weights to data/weights/mini/
	@shopt -s nullglob
	trained=(results/training/*.safetensors)
	if [ $${#trained[@]} -eq 0 ]; then
		echo "nothing to adopt: run 'snakemake --cores all results/training/church.safetensors' first" >&2
		exit 1
	fi
	mkdir -p data/weights/mini
	cp -v "$${trained[@]}" data/weights/mini/

adopt-layers:  ## copy the layers that the probe chose to data/layer_choice.csv, for models with layer: null
	@test -f results/tables/layer_choice.csv || {
		echo "nothing to adopt: run 'snakemake --cores all results/tables/layer_choice.csv' first" >&2
		exit 1
	}
	cp -v results/tables/layer_choice.csv data/layer_choice.csv

lock: $(READY)  ## write requirements.txt and environment.yml from requirements.in
	@uv pip compile requirements.in --universal --python-version 3.11 --constraint requirements.txt \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet -o .lock.new
	{ sed -n '/^#/p' requirements.txt; cat .lock.new; } > .lock.txt
	{ sed '/- pip:/q' environment.yml; sed 's/.*/      - "&"/' .lock.new; } > .lock.yml
	mv .lock.txt requirements.txt
	mv .lock.yml environment.yml
	rm .lock.new

environment: $(READY)  ## install the packages only

$(READY): requirements.txt
	@python=""
	for candidate in python3.11 python3.12 python3.13 python3 python; do
		if command -v "$$candidate" > /dev/null && \
			"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
			python="$$candidate"; break
		fi
	done
	if [ -z "$$python" ]; then
		echo "Python 3.11 or newer is needed, and none of python3.11 ... python3 is that" >&2
		exit 2
	fi
	if [ ! -x .venv/bin/python ]; then
		echo "Making .venv with $$("$$python" --version)"
		"$$python" -m venv .venv
	fi
	if [ "$$(.venv/bin/uv --version 2> /dev/null | cut -d' ' -f2)" != "$(UV_VERSION)" ]; then
		.venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	fi
	echo "Installing the packages of requirements.txt (about a minute the first time)"
	# Compiled here once; otherwise each job, a new process, would compile PyTorch and pandas again.
	VIRTUAL_ENV="$(CURDIR)/.venv" .venv/bin/uv pip sync --quiet --compile-bytecode requirements.txt
	cp requirements.txt $@
