#!/usr/bin/env bash
# The stages of every recipe. recipes/<CORPUS>/run.sh calls it with its settings:
# recipe (its folder), corpus, root_variable, default_system.
set -euo pipefail
shared=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$shared/../.." && pwd)

known_options="stage stop_stage system preset tag corpus_root corpus_edition label_map protocol dev selection
  folds fold_seed  seed seeds nproc jobs threads device precision compile exp data wait trust no_audio_check verify force
  dry_run table columns paper"
known_options=$(printf '%s ' $known_options)
stage=0
stop_stage=4
system=$default_system
preset=paper
tag=
corpus_root=
corpus_edition=
label_map=
protocol=paper
dev=none
selection=
folds=
fold_seed=0
seed=1
seeds=
nproc=1
jobs=
threads=
device=
precision=fp32
compile=false
exp=$recipe/exp
data=$recipe/data
wait=false
trust=false
no_audio_check=false
verify=false
force=false
dry_run=false
table=
columns=
paper=false
# tables/amsnet_table5.yaml is amsnet/5, tables/amsnet_figure6.yaml is amsnet/figure6
tables=$(cd "$recipe/tables" 2>/dev/null && ls -- *.yaml |
  sed 's/\.yaml$//; s/_table\([0-9]\)/\/\1/; s/_figure\([0-9]\)/\/figure\1/' | tr '\n' ' ') || tables=
systems=$(ls -- "$shared"/systems/*.yaml "$recipe"/hparams/*.yaml 2>/dev/null |
  sed 's/.*\///; s/\.yaml$//' | sort -u | tr '\n' ' ') || true

root_help() {
  if [ -z "$corpus" ]; then
    echo "  --corpus-root CSV          file,speaker,emotion[,gender,session,text,fold], one utterance a line (needed)"
  else
    echo "  --corpus-root DIR          the corpus as its owners ship it, or a CSV$(
      [ "$corpus" != EmoDB ] || printf ', or `download`'); also $root_variable (the mini corpus: synthetic)"
  fi
}
show_help() {
  cat <<HELP
${corpus:-A corpus that one CSV lists}: from the corpus on disk to a table of results. Usage: ./run.sh [options] [-- --key value ...]

  stages  0 prepare: read and check the corpus, make the folds     1 features: compute and cache
          2 train every fold                                       3 evaluate: predictions, scores, vectors
          4 figures and report page
  --stage N --stop-stage N   first and last stage (0, 4)
  --system NAME              a system of this recipe: ${systems}($default_system)
  --preset NAME              paper, official: what the authors' code does where it differs (paper)
  --tag NAME                 a name for a run with overrides (needed when there are any)
$(root_help)
  --corpus-edition TEXT      what this copy is, when it is not as published (recognised by counts and hours)
  --label-map FILE           a JSON object: what emotions of a CSV mean that the vocabulary does not know
  --protocol NAME            random5, speaker, speaker-text, session; given = the folds of a CSV's column fold;
                             paper = the system's own (paper)
  --dev NAME                 development part: none, speaker, session, fraction (none)
  --selection NAME           which epoch is scored: last, dev, test (optimistic) (dev where there is one, else last)
  --folds LIST               names of folds, with commas (all)
  --fold-seed N              seed of the split itself (0)
  --seed N, --seeds 1,2,3    initialisation and order of training, never the folds (1)
  --nproc N                  ranks (GPUs) of one training (1)
  --jobs N --threads N       worker processes, threads of each (cores, cores / jobs)
  --device D --precision P   cpu, cuda; fp32, bf16, fp16 (cuda where there is one; fp32)
  --compile                  torch.compile the model
  --table ID                 run every row of a paper's table and print it beside the paper's.
                             Tables: ${tables:-none}
  --columns LIST             columns of the table's LaTeX file (names: python -m speechbrain_ext.bin.table --help)
  --paper                    stage 4 and --table draw figures for a paper too: PDF, no title, 3.4 in and 7 in wide, 8 pt
  --exp DIR --data DIR       where to write (exp and data in the recipe)
  --wait                     wait for another run on the same experiment
  --trust                    run the code that a YAML from outside this repository's recipes names; it is printed first
  --no-audio-check           stage 0 leaves the audio unread
  --verify                   stage 0 hashes all audio again, also files of the recorded size and time
  --force                    redo what is there
  --dry-run                  print the plan: stages, folds, what is reused, hours (of trainings here, else of kept results)
  -- --key value ...         hyper-parameters of the system
  -- --help                  its hyper-parameters with value, type, meaning and source, for --system and --preset
Features are cached in \$SER_CACHE (.cache in the repository). Without a corpus everything runs on synthetic speech.
HELP
}
. "$shared/parse_options.sh"
. "$shared/folder_name.sh"

whole() { # option, value
  case "$2" in '' | *[!0-9]*) die "--$1: expected a whole number, found '$2'" ;; esac
  [ ${#2} -le 9 ] || die "--$1: expected a whole number of up to 9 digits, found '$2'"
}
at_most() { # option, value, least, most
  whole "$1" "$2"
  [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || die "--$1 $2: expected $3 to $4"
}
one_of() { # option, value, names
  case " $3 " in *" $2 "*) return 0 ;; esac
  local near
  near=$(nearest "$2" "$3")
  die "--$1 $2: expected one of $3${near:+: did you mean $near?}"
}
one_of protocol "$protocol" "paper random5 speaker session speaker-text given"
one_of dev "$dev" "none speaker session fraction"
[ -z "$selection" ] || one_of selection "$selection" "last dev test"
one_of precision "$precision" "fp32 bf16 fp16"
whole stage "$stage"
whole stop-stage "$stop_stage"
[ "$stop_stage" -le 4 ] || die "--stop-stage $stop_stage: the last stage is 4"
[ "$stage" -le "$stop_stage" ] || die "--stage $stage --stop-stage $stop_stage: no stage is in this range"
# nproc would answer with OMP_NUM_THREADS where it is set.
cores=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
jobs=${jobs:-$cores}
at_most jobs "$jobs" 1 1024
threads=${threads:-$((cores / jobs > 0 ? cores / jobs : 1))}
at_most threads "$threads" 1 1024
at_most nproc "$nproc" 1 1024
whole fold-seed "$fold_seed"
$verify && $no_audio_check && die "--verify and --no-audio-check exclude each other: leave one out"
hparams=$recipe/hparams/$system.yaml
one_of system "$system" "${systems% }"
presets=$(cat "$hparams" "$shared/systems/$system.yaml" 2>/dev/null |
  sed -n '/^presets:/,/^[^ ]/s/^    \([a-z_]*\):.*/\1/p' | sort -u | tr '\n' ' ') || true
presets="paper ${presets}"
[ -n "$table" ] || one_of preset "$preset" "${presets% }"
if [ -n "$table" ]; then
  one_of table "$table" "${tables% }"
  [ "$system" = "$default_system" ] || [ "$system" = "${table%/*}" ] ||
    die "--system $system: --table $table is of ${table%/*}: leave it out"
  [ -z "$folds" ] || die "--folds does not go with --table: its rows are scored on all folds"
  system=${table%/*}
else
  case "$tag" in table[0-9]* | figure[0-9]*) die "--tag $tag: such names are for the rows of --table: choose another" ;; esac
fi
if [ "${overrides[*]-}" = --help ]; then
  . "$repository/tools/activate_env.sh"
  exec "$python" -m speechbrain_ext.bin.keys --recipe="$recipe" --system="$system" --preset="$preset"
fi
[ ${#overrides[@]} -eq 0 ] || [ -n "$tag" ] || die "overrides need a name for their row: add --tag NAME before --"

source=real
[ -z "$root_variable" ] || corpus_root=${corpus_root:-${!root_variable:-}}
if [ -z "$corpus" ]; then
  case "$corpus_root" in
    *.[cC][sS][vV])
      corpus=${corpus_root##*/}
      corpus=${corpus%.*}
      [ -n "$corpus" ] || die "--corpus-root $corpus_root: the corpus is named as its file: rename the file" ;;
    '') die "--corpus-root is missing: name a CSV with the columns file,speaker,emotion (recipes/README.md)" ;;
    *) die "--corpus-root $corpus_root: expected a CSV with the columns file,speaker,emotion; known corpora have recipes of their own" ;;
  esac
elif [ -z "$corpus_root" ]; then
  source=mini
  corpus_root=$data/mini-corpus/$corpus
fi
corpus_folder=$(folder_name "$corpus")-$source
prepared=$data/$corpus_folder
# A root that the environment names is said, for the command stands beside its results.
named=
[ "$source" = mini ] || case " ${original[*]:-}" in *" --corpus-root"*) ;; *) named=" --corpus-root DIR" ;; esac
command_line="recipes/$(basename "$recipe")/run.sh$named"
[ ${#original[@]} -eq 0 ] || command_line+=$(printf ' %q' "${original[@]}")

log() { printf '%s %s\n' "$(date '+%H:%M:%S')" "$*"; }
banner() {
  [ "$source" = mini ] || return 0
  log "=================================================================================="
  log "MINI CORPUS: synthetic speech, to show that everything runs. No result about emotion."
  log "Your corpus: ./run.sh --corpus-root DIR (or set $root_variable)"
  log "=================================================================================="
}
call() { # module, arguments
  SER_PARENT=$$ OMP_NUM_THREADS=$threads "$python" -m speechbrain_ext.bin."$@"
}
flag() { if "$1"; then printf '%s' "$2"; fi; }

banner
. "$repository/tools/activate_env.sh"
# A value may begin with a dash, so that it stands behind the sign of equality.
run_options=(--recipe="$recipe" --system="$system" --data="$prepared" --exp="$exp" --preset="$preset" --tag="$tag"
  --protocol="$protocol" --dev="$dev" --selection="$selection" --folds="$folds" --fold-seed="$fold_seed"
  --seeds="${seeds:-$seed}" --nproc="$nproc" --jobs="$jobs" --threads="$threads" --device="$device"
  --precision="$precision" --command="$command_line"
  $(flag "$compile" --compile) $(flag "$wait" --wait) $(flag "$trust" --trust) $(flag "$force" --force) -- ${overrides[@]+"${overrides[@]}"})

if $dry_run; then
  call plan --stage="$stage" --stop-stage="$stop_stage" --table="$table" "${run_options[@]}"
  exit
fi

started=$SECONDS
for ((now = stage; now <= stop_stage; now++)); do
  begun=$SECONDS
  case $now in
    0)
      log "stage 0: prepare $corpus ($source)"
      [ "$source" = real ] || call mini --corpus="$corpus" --out="$corpus_root"
      call prepare --corpus="$corpus" --corpus-root="$corpus_root" --source="$source" --edition="$corpus_edition" \
        --data="$data" --recipe="$recipe" --system="$system" --preset="$preset" --table="$table" \
        --protocol="$protocol" --dev="$dev" --fold-seed="$fold_seed" --jobs="$jobs" \
        ${label_map:+--label-map="$label_map"} $(flag "$verify" --verify) $(flag "$no_audio_check" --no-audio-check) $(flag "$trust" --trust) \
        $(flag "$force" --force) \
        -- ${overrides[@]+"${overrides[@]}"}
      ;;
    [123])
      if [ -n "$table" ]; then
        first=$now now=$((stop_stage < 3 ? stop_stage : 3))
        log "stages $first to $now: table $table, every row"
        call table --table="$table" --stage="$first" --stop-stage="$now" --columns="$columns" \
          $(flag "$paper" --paper) "${run_options[@]}"
      else
        case $now in
          1) log "stage 1: features of $system"; call extract "${run_options[@]}" ;;
          2) log "stage 2: train $system, protocol $protocol"; call train "${run_options[@]}" ;;
          3) log "stage 3: evaluate $system, protocol $protocol"; call evaluate "${run_options[@]}" ;;
        esac
      fi
      ;;
    4)
      log "stage 4: report"
      call report page --exp="$exp/$corpus_folder" --out="$exp/$corpus_folder/report.html" $(flag "$paper" --paper)
      ;;
  esac
  log "stage $now: done in $((SECONDS - begun)) s"
done
banner
log "finished in $((SECONDS - started)) s"
