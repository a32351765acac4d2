# The graph: each artefact and what it is made from. What an artefact means and how it is computed is in pipeline/.
#
# Two levels. "make all" sets up .venv and scans the inputs (pipeline/scan.py); the scan writes content lists and settings files that
# change only when what they describe changed, and a folder of links without spaces, then calls this file again with LINKS for the
# products. No rule looks at the raw files themselves: their dates lie.

ifeq (,$(filter grouped-target,$(.FEATURES)))
$(error GNU Make 4.3 or newer is needed and this is $(MAKE_VERSION): install it (Debian, Ubuntu: apt install make; macOS: brew install make, then type gmake))
endif
ifeq (,$(wildcard pipeline/bootstrap.py))
$(error Type make in the folder of the repository, or make -C FOLDER)
endif

RAW ?= data/raw
PROCESSED ?= data/processed
MAPS ?= maps
# Only what was typed behind make counts: batch systems have a variable of that name.
ifneq ($(origin SCHEDULER),command line)
SCHEDULER :=
endif

MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
PY := .venv/bin/python
# Other kriging programs, and our engine beside them: an environment of their own.
PEERS := .venv-peers/bin/python

export PYTHONUTF8 := 1
# The program runs from this folder, with its own libraries and their own projection data (pipeline/machine.py names the same variables).
FOREIGN := PROJ_DATA PROJ_LIB PROJ_AUX_DB PROJ_NETWORK GDAL_DATA GDAL_DRIVER_PATH GDAL_CONFIG_FILE GDAL_SKIP HDF5_PLUGIN_PATH
unexport $(FOREIGN) PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONWARNINGS

# Atomic writes leave no half-made target behind, even after SIGKILL, so .DELETE_ON_ERROR is needless; it would even harm:
# rejected.csv must survive the failure that it explains.

ifneq ($(origin LINKS),command line)
# ---------------------------------------------------------------- level 1: what people type

quote = '$(subst ','\'',$1)'
FOLDERS = --raw $(call quote,$(RAW)) --processed $(call quote,$(PROCESSED)) --maps $(call quote,$(MAPS))
JOBS = $(if $(filter -j% --jobs%,$(MAKEFLAGS)),,-j2)

# A note for each variable that is ignored.
note_foreign = $(foreach name,$(FOREIGN),$(if $(filter environment%,$(origin $(name))),echo $(call quote,note: $(name)=$(value $(name)) is ignored: the program uses the data of its own libraries) >&2;))

.PHONY: help all test lint format clean distclean bench bench-build bench-pages bench-engines bench-tiles calibrate core-trial flow reference tutorial reference-survey new-core new-assessment examples set-up-examples test-peers set-up set-up-peers \
        export test-qgis set-up-readers faults fuzz doctor explain fine-grid bench-large
.DEFAULT_GOAL := help

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 24
	@echo 'Variables: RAW=$(RAW) PROCESSED=$(PROCESSED) MAPS=$(MAPS) (another assessment: a folder laid out like data/raw)'
	@echo '           KEEP=1 (store every realisation, realisations.zarr)'
	@echo '           SCHEDULER=pool, local or tcp://host:8786 (who works on grades and realisations: docs/scale_out.md)'

all: set-up ## raw cores and bathymetry to grades, tonnages and maps (open maps/index.html)
	@$(note_foreign):
	+@$(PY) -m pipeline scan $(FOLDERS) -- $(MAKE) $(JOBS) products

test: set-up ## every test, also in a browser (BROWSER=skip: install none)
	@$(PY) tests/browser.py
	@$(PY) tests/debian_gdal.py
	@$(PY) examples/fetch.py
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile $(PYTEST_ARGS)
	@$(PY) tests/browser.py --remind

faults: set-up ## kill, starve and crowd a tiny build, and show that no file is ever torn (FAULTS_ARGS='--kills 10 --seed 1')
	@$(PY) tests/faults.py $(FAULTS_ARGS)

fuzz: set-up ## throw 10,000 made-up tables and rasters at the readers
	@FUZZ_EXAMPLES=10000 $(PY) -m pytest -q -k fuzz tests/test_bad_tables.py tests/test_bad_rasters.py

lint: set-up ## style and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: set-up ## mend what can be mended by machine
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

# Only what the build made is removed, and only from folders that a build has used.
clean: ## remove products and caches, keep .venv and all data
	@p=$(call quote,$(PROCESSED)) m=$(call quote,$(MAPS)); \
	if [ -d "$$p/.lists" ]; then \
	    if [ -f "$$p/export/manifest.json" ]; then rm -rf -- "$$p"/export; fi; \
	    rm -rf -- "$$p"/.lists "$$p"/.settings "$$p"/.history "$$p"/.tiles "$$p"/.partial-* "$$m"/.partial-* "$$p"/realisations.zarr "$$p"/fine_grid; \
	    rm -f -- "$$p"/*.parquet "$$p"/*.tif "$$p"/*.csv "$$p"/*.json "$$p"/*.nc "$$m"/index.html "$$m"/report.html "$$m"/changes.html "$$m"/grade_*.html; \
	    rmdir -- "$$p" "$$m" 2>/dev/null || :; \
	fi
	@rm -rf .cache .pytest_cache .ruff_cache .mypy_cache .hypothesis build *.egg-info
	@find pipeline tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## also remove .venv
	@rm -rf .venv .venv-peers .venv-readers

bench: ## time and memory of a build, size and speed of its pages, and the engine beside other programs
	+@$(MAKE) -j1 bench-build bench-pages bench-engines

bench-build: set-up ## time and memory of a build from nothing
	@$(PY) tests/bench.py

bench-pages: all ## size of the pages, time to show and to redraw them
	@$(PY) tests/bench_pages.py $(call quote,$(MAPS))

bench-engines: set-up-peers ## the engine beside others, to docs/benchmarks.md (TASKS='c f': some; QUICK=1: tiny)
	@$(PEERS) tests/bench_engines.py $(if $(QUICK),--quick) $(TASKS)

bench-tiles: all ## what tiles cost and workers bring, to docs/scale_out.md
	@$(PY) tests/bench_tiles.py --processed $(call quote,$(PROCESSED)) --write docs/scale_out.md

bench-large: set-up ## the zone of 200 nautical miles on cells down to 1 km, to docs/benchmarks.md (WHOLE=1: on 250 m, and 100 realisations; QUICK=1: tiny)
	@$(PY) tests/bench_large.py $(if $(QUICK),--quick) $(if $(WHOLE),--whole)

calibrate: set-up ## how often the intervals hold the truth of 600 known deposits, to docs/calibration.md (CALIBRATE_ARGS='--layouts 25 --sources')
	@$(PY) tests/calibrate.py --write $(CALIBRATE_ARGS)

core-trial: set-up ## whether the next cores narrow the total as they are said to, on 20 surveys, to docs/next_cores.md
	@$(PY) tests/core_layouts.py --write $(CORE_TRIAL_ARGS)

# Without set-up: it must run where that fails.
doctor: ## check this machine, its disks and RAW, and say what to do
	@$(note_foreign):
	@for python in $(PY) $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3; do \
	    if $$python -c 'import sys' >/dev/null 2>&1; then exec $$python -m pipeline.doctor $(FOLDERS) --make $(MAKE_VERSION); fi; \
	done; \
	echo 'fault  python   none is found: install Python 3.11 or newer (Debian, Ubuntu: apt install python3 python3-venv)' >&2; exit 2

flow: set-up ## draw the flow in docs/architecture.md anew from this file
	@$(PY) tests/flow.py --write

reference: set-up ## the engine's reference from its docstrings, for reading without a network (open build/reference/index.html)
	@$(PY) tests/reference_pages.py --out build/reference

tutorial: set-up ## run docs/tutorial.ipynb and keep what it shows
	@$(PY) tests/tutorial.py --write

reference-survey: set-up ## write the synthetic survey that ships, and its truth, into RAW
	@$(PY) -m pipeline reference-survey --raw $(call quote,$(RAW))

# Only what was typed behind make counts: some systems have a NAME of their own.
typed = $(if $(filter command,$(firstword $(origin $1))),$(call quote,$(value $1)),'')

typed_name = $(if $(filter command,$(firstword $(origin $1))),$(filter meuse jura,$(value $1)))

explain: set-up ## where a number comes from (ID=tonnage/dy/supported/0/mean/metal_t; ID=tonnage: what is below; JSON=1)
	@$(PY) -m pipeline explain $(if $(JSON),--json) --processed $(call quote,$(PROCESSED)) --maps $(call quote,$(MAPS)) -- $(call typed,ID)

export: all ## the results for other programs: GIS, mining, catalogues, a reviewer's zip (EXPORT=dir; INPUTS=none|licensed|all: inputs in the zip)
	@$(PY) -m pipeline export $(FOLDERS) --out $(call quote,$(or $(EXPORT),$(PROCESSED)/export)) --inputs $(call quote,$(or $(INPUTS),licensed))

# A process for each processor unless SCHEDULER says otherwise: a fine grid is worth it.
fine-grid: all ## the same region on finer cells, out of core (CELL_M=250; REALISATIONS=100: these too; SCHEDULER=…), to PROCESSED/fine_grid
	@$(PY) -m pipeline fine-grid --raw $(call quote,$(RAW)) --processed $(call quote,$(PROCESSED)) --cell-m $(call typed,CELL_M) \
	    --realisations $(call typed,REALISATIONS) --scheduler $(call quote,$(or $(SCHEDULER),pool))

new-core: set-up ## an empty core table with its data dictionary, into RAW/cores (NAME=kr13_02; ELEMENTS='nd tb': more elements)
	@$(PY) -m pipeline new-core --raw $(call quote,$(RAW)) --elements $(call typed,ELEMENTS) -- $(call typed,NAME)

new-assessment: set-up ## a commented start of another assessment (DIR=../survey FROM=points.csv KIND=mud|nodules|crust|soil ELEMENTS='co ni'; CRS= UNIT= LENGTH_M=)
	@$(PY) -m pipeline new-assessment --from $(call typed,FROM) --elements $(call typed,ELEMENTS) --kind $(call typed,KIND) --crs $(call typed,CRS) \
	    --unit $(call typed,UNIT) --length-m $(call typed,LENGTH_M) -- $(call typed,DIR)

examples: set-up-examples ## build the worked examples on real data, and hold them against what is published (NAME=meuse: one)
	+@for name in $(or $(call typed_name,NAME),meuse jura); do folder=.cache/examples/$$name; \
	    $(MAKE) all RAW=$$folder/raw PROCESSED=$$folder/processed MAPS=$$folder/maps && $(PY) examples/$$name/check.py $$folder/processed || exit; \
	done

set-up-examples: set-up
	@$(PY) examples/fetch.py $(call typed_name,NAME)

test-peers: set-up-peers ## compare with other kriging programs (own environment)
	@$(PEERS) -m pytest -m peers tests/peers $(PYTEST_ARGS)

set-up-peers: set-up
	@$(PY) pipeline/bootstrap.py --peers

set-up-readers: set-up ## programs that read exports back in the tests (own environment)
	@$(PY) tests/readers/set_up.py

test-qgis: set-up ## open exports with QGIS and run its algorithms on them (Debian as root: installs it)
	@$(PY) tests/qgis/check.py

# The newest Python that has all it needs; a Python too old is let through so that bootstrap.py can say what to install.
set-up:
	+@if ! $(PY) -I pipeline/bootstrap.py --check 2>/dev/null; then \
	    for needs in 'import sys, venv, ensurepip' 'import sys'; do \
	        for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3; do \
	            if $$python -c "$$needs; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1; then \
	                exec $$python pipeline/bootstrap.py; \
	            fi; \
	        done; \
	    done; \
	    if command -v python3 >/dev/null; then exec python3 pipeline/bootstrap.py; fi; \
	    echo 'set-up: Python 3.11 or newer is needed: install python3 (Debian, Ubuntu: apt install python3 python3-venv)' >&2; exit 2; \
	fi

else
# ---------------------------------------------------------------- level 2: the products

P := $(LINKS)/processed
M := $(LINKS)/maps
L := $P/.lists
S := $P/.settings

include $S/elements.mk

# Only where depths are relative to a marker; otherwise the list is empty, and so is its rule.
HORIZON := $(MARKER:%=$P/%.tif)
GRADES := $(ELEMENTS:%=$P/grade_%.tif)
VARIOGRAMS := $(patsubst %,$P/variogram_%.json,$(ELEMENTS) density)
PAGES := $(ELEMENTS:%=$M/grade_%.html)
SETTINGS := $(patsubst %,$S/%.json,assessment region grid horizon elements density cutoffs simulation intake composites domains variogram cross_validation grade tonnage classes next_cores recoverable place production published_method fine_grid maps)
SIMULATED := $P/totals.parquet $P/classes.tif $P/simulation.json $P/squares.nc $P/recoverable_totals.parquet $P/panels.parquet $P/simulated_columns.nc $(foreach kind,percentiles probability,$(ELEMENTS:%=$P/$(kind)_%.tif)) \
             $(if $(KEEP),$P/realisations.zarr)
RECOVERABLE := $P/recoverable.csv $P/recoverable_sensitivity.csv
NEXT_CORES := $P/next_cores.json $P/next_cores.csv $(ELEMENTS:%=$P/next_cores_%.tif)
PRODUCTION := $P/production.csv $P/start_panels.csv $P/start_panels.tif
PUBLISHED_METHOD := $P/published_method.json $P/published_method.csv
TABLE1 := $P/table1.json $P/table1.schema.json
PRODUCTS := $P/samples.parquet $P/rejected.csv $P/seafloor.tif $(HORIZON) $P/composites.parquet $(VARIOGRAMS) \
            $P/coregionalisation.json $P/cross_validation.json $P/density.tif $(GRADES) $(SIMULATED) $(NEXT_CORES) $P/tonnage.csv $(RECOVERABLE) $(PRODUCTION) $P/supply.csv $P/block_model.nc $P/validation.json \
            $P/provenance.json $(TABLE1) $(PUBLISHED_METHOD) \
            $(PAGES) $M/index.html $M/report.html $P/delta.json $M/changes.html

# $(call run,STAGE) hands a stage all prerequisites but the list of its own program; the stage knows each by its name.
run = @$(PY) -m pipeline $1 $(filter-out $L/program_%,$^) --raw $(LINKS)/raw --out $(or $2,$@)

# Who works on a stage: no product holds it, and another one rebuilds nothing.
by_workers = $(if $(SCHEDULER),--scheduler '$(subst ','\'',$(SCHEDULER))')

# Make would delete them when it is interrupted; but each is whole, the old one or the new.
.PRECIOUS: $(PRODUCTS)

.PHONY: products
products: $(PRODUCTS)

$P/samples.parquet $P/rejected.csv &: $L/cores.json $L/bathymetry.json $(patsubst %,$S/%.json,intake elements region) $L/program_samples.json
	$(call run,samples,$P/samples.parquet)

$P/seafloor.tif: $L/bathymetry.json $(patsubst %,$S/%.json,region grid domains) $L/program_seafloor.json
	$(call run,seafloor)

$(HORIZON): $P/samples.parquet $P/seafloor.tif $(patsubst %,$S/%.json,horizon variogram grade) $L/program_horizon.json
	$(call run,horizon)

$P/composites.parquet: $P/samples.parquet $P/seafloor.tif $(patsubst %,$S/%.json,region elements density composites domains horizon) $L/program_composites.json
	$(call run,composites)

$(VARIOGRAMS): $P/variogram_%.json: $P/composites.parquet $P/seafloor.tif $S/variogram.json $L/program_variogram.json
	$(call run,variogram)

$P/coregionalisation.json: $P/composites.parquet $(VARIOGRAMS) $P/seafloor.tif $S/variogram.json $L/program_coregionalisation.json
	$(call run,coregionalisation)

# Upstream of the grades: its scores choose what they are kriged with.
$P/cross_validation.json: $P/composites.parquet $(VARIOGRAMS) $P/coregionalisation.json $P/seafloor.tif \
                          $(patsubst %,$S/%.json,cross_validation variogram) $L/program_cross_validation.json
	$(call run,cross_validation)

$P/density.tif: $P/composites.parquet $P/variogram_density.json $P/seafloor.tif $(HORIZON) $(patsubst %,$S/%.json,grade density) $L/program_density.json
	$(call run,density) $(by_workers)

$(GRADES): $P/grade_%.tif: $P/composites.parquet $P/variogram_%.json $P/variogram_density.json $P/coregionalisation.json $P/cross_validation.json \
                           $P/density.tif $P/seafloor.tif $(HORIZON) $S/grade.json $L/program_grade.json
	$(call run,grade) $(by_workers)

# One pass over the realisations feeds every summary of them; totals.parquet stands for the group.
$(SIMULATED) &: $P/composites.parquet $(VARIOGRAMS) $(GRADES) $P/density.tif $P/seafloor.tif $(HORIZON) $L/domains.json \
                $(patsubst %,$S/%.json,simulation density cutoffs grade tonnage variogram classes region place recoverable production) \
                $L/program_simulation.json
	$(call run,simulation,$P/totals.parquet) $(if $(KEEP),--keep) $(by_workers)

$P/tonnage.csv: $P/composites.parquet $(VARIOGRAMS) $P/coregionalisation.json $P/cross_validation.json $P/density.tif $(GRADES) $P/totals.parquet \
                $P/seafloor.tif $(HORIZON) $(patsubst %,$S/%.json,cutoffs density grade tonnage) $L/program_tonnage.json
	$(call run,tonnage)

# production.csv stands for the group.
$(PRODUCTION) &: $P/panels.parquet $P/recoverable_totals.parquet $P/seafloor.tif $(patsubst %,$S/%.json,production recoverable) \
                 $L/program_production.json
	$(call run,production,$P/production.csv)

# What others use and trade changes this table alone.
$P/supply.csv: $P/production.csv $L/published.json $L/program_supply.json
	$(call run,supply)

# recoverable.csv stands for both.
$(RECOVERABLE) &: $P/recoverable_totals.parquet $S/recoverable.json $L/program_recoverable.json
	$(call run,recoverable,$P/recoverable.csv)

# next_cores.json stands for the group.
$(NEXT_CORES) &: $P/composites.parquet $(VARIOGRAMS) $P/coregionalisation.json $P/cross_validation.json $P/seafloor.tif $P/simulated_columns.nc \
                 $L/domains.json $(patsubst %,$S/%.json,next_cores grade simulation place region) $L/program_next_cores.json
	$(call run,next_cores,$P/next_cores.json)

$P/block_model.nc: $P/seafloor.tif $(HORIZON) $P/density.tif $(GRADES) $P/totals.parquet $L/program_block_model.json
	$(call run,block_model)

# The truth of a synthetic survey is compared with estimates, and reaches none.
$P/validation.json: $P/composites.parquet $(VARIOGRAMS) $P/cross_validation.json $P/density.tif $(GRADES) $P/totals.parquet $P/tonnage.csv \
                    $P/seafloor.tif $(HORIZON) $L/truth.json $(patsubst %,$S/%.json,grade domains) $L/program_validation.json
	$(call run,validation)

# How the maps look is no part of a number's origin: a colour rebuilds maps only.
$P/provenance.json: $P/tonnage.csv $P/validation.json $P/cross_validation.json $P/samples.parquet \
                    $(patsubst %,$L/%.json,cores bathymetry domains published truth) \
                    $(filter-out $S/maps.json,$(SETTINGS)) $L/program_provenance.json
	$(call run,provenance)

# The checklist is told from what the others found; the schema beside it is made from the same models.
$(TABLE1) &: $P/samples.parquet $P/composites.parquet $P/seafloor.tif $(VARIOGRAMS) $P/coregionalisation.json $P/cross_validation.json $P/validation.json \
             $P/classes.tif $P/tonnage.csv $P/provenance.json $P/next_cores.json $L/published.json $L/program_table1.json
	$(call run,table1,$P/table1.json)

# A map carries a second element too, and needs the grades of both; next_cores.json and squares.nc stand beside what they come from.
$(PAGES): $(GRADES) $P/totals.parquet $P/squares.nc $P/next_cores.json $P/production.csv $P/density.tif $P/seafloor.tif $(HORIZON) $P/samples.parquet $P/composites.parquet \
          $P/tonnage.csv $(patsubst %,$L/%.json,bathymetry domains published) \
          $(patsubst %,$S/%.json,maps assessment region elements cutoffs recoverable place) $L/program_map.json
	$(call run,map)

$M/index.html: $P/tonnage.csv $P/samples.parquet $P/seafloor.tif $P/composites.parquet $P/validation.json $(GRADES) \
               $L/published.json $(patsubst %,$S/%.json,maps assessment elements) $P/provenance.json $P/recoverable.csv \
               $L/program_index.json
	$(call run,index)

# For comparison alone: no estimate reads it. published_method.json stands for both.
$(PUBLISHED_METHOD) &: $P/samples.parquet $P/composites.parquet $P/seafloor.tif $(GRADES) $P/density.tif $P/squares.nc $P/tonnage.csv $L/published.json \
                       $(patsubst %,$S/%.json,elements published_method) $L/program_published_method.json
	$(call run,published_method,$P/published_method.json)

$M/report.html: $P/published_method.json $P/samples.parquet $P/composites.parquet $P/seafloor.tif $(VARIOGRAMS) $P/coregionalisation.json $P/cross_validation.json $P/validation.json \
                $P/tonnage.csv $(GRADES) $P/density.tif $P/provenance.json $P/table1.json $P/next_cores.json $P/recoverable.csv $P/panels.parquet $P/production.csv $P/supply.csv $L/published.json \
                $(patsubst %,$S/%.json,elements assessment maps) $L/program_report.json
	$(call run,report)

# Besides what is named here the stage reads and writes $P/.history, which holds the last two builds: the one product that is no function of the inputs.
# Titles and colours change no number. The programs behind the headline are inputs too, so that a change of them is told.
ESTIMATING := $(patsubst %,$L/program_%.json,samples seafloor composites variogram coregionalisation cross_validation density grade simulation tonnage recoverable $(MARKER))
$P/delta.json: $P/tonnage.csv $P/recoverable.csv $P/classes.tif $P/samples.parquet $P/composites.parquet $(VARIOGRAMS) $P/coregionalisation.json \
               $P/cross_validation.json $(GRADES) $P/seafloor.tif $(HORIZON) $(patsubst %,$L/%.json,cores bathymetry domains published) \
               $(filter-out $S/maps.json $S/assessment.json,$(SETTINGS)) $(ESTIMATING) $L/program_delta.json
	$(call run,delta) $(ESTIMATING)

$M/changes.html: $P/delta.json $S/assessment.json $L/program_changes.json
	$(call run,changes)

endif
