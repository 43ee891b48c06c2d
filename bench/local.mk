# SPDX-License-Identifier: MIT
# Measurements beside peers: bench/README.md. `make bench BENCH='NAME... OPTIONS'`.

EXTRA_DIST += bench/README.md bench/main.py bench/session.py bench/figures.py bench/ground.py \
	bench/tools.py bench/ldif.py bench/load.py bench/beside.py bench/flow.py bench/memory.py \
	bench/rows.py bench/loops.py scripts/bench tests/harness/bench.py

bench_programs = bench-hash$(EXEEXT) bench-csv$(EXEEXT) bench-rows$(EXEEXT) bench-take$(EXEEXT) \
	bench-job$(EXEEXT) bench-plan$(EXEEXT)
EXTRA_PROGRAMS = bench-hash bench-csv bench-rows bench-take bench-job bench-plan
CLEANFILES += $(bench_programs) bench.json
bench_hash_SOURCES = bench/hash-alone.c
bench_hash_LDADD = $(ENGINE_LIBS)
bench_csv_SOURCES = bench/csv-alone.c
bench_csv_LDADD = $(CSV_LIBS)
bench_rows_SOURCES = bench/rows-alone.c bench/counted.h
bench_rows_LDADD = $(ENGINE_LIBS)
# with the daemon's own free()
bench_job_SOURCES = bench/job-alone.c bench/counted.h lib/job-fixture.c lib/job-fixture.h milter/wipe.c
bench_job_LDADD = tests/libfixture.a $(ENGINE_LIBS)
bench_plan_SOURCES = bench/plan-alone.c
bench_plan_LDADD = $(ENGINE_LIBS)
bench_take_SOURCES = bench/take-all.c
bench_take_LDADD = $(MILTER_LIBS) -lpthread

bench-programs: $(bench_programs)
bench: all bench-programs
	python3 -B -P $(srcdir)/bench/main.py --build . $(BENCH)
.PHONY: bench bench-programs

# Each bench, with next to nothing to do.
dist_check_SCRIPTS += tests/e2e_bench.py
tests/e2e_bench.log: $(bench_programs)
# What a row costs in instructions.
dist_check_SCRIPTS += tests/cost.py
tests/cost.log: $(bench_programs)
