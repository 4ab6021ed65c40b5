# Options into shell variables, Kaldi's grammar: `--corpus-root DIR` sets corpus_root.
# Source it after declaring the variables that may be set and listing them in `known_options`:
#   known_options="stage stop_stage force"; stage=0; stop_stage=4; force=false; . parse_options.sh
# A variable whose default is true or false is a flag. Words after `--` go to the array `overrides`.

die() { # message, status
  printf 'error: %s\n' "$1" >&2
  exit "${2:-2}"
}

nearest() { # word, candidates: prints the candidate with the smallest edit distance when it is close
  awk -v word="$1" -v list="$2" '
    function least(a, b, c) { if (b < a) a = b; return c < a ? c : a }
    function distance(s, t,    n, m, i, j, d) {
      n = length(s); m = length(t)
      for (i = 0; i <= n; i++) d[i, 0] = i
      for (j = 0; j <= m; j++) d[0, j] = j
      for (i = 1; i <= n; i++) for (j = 1; j <= m; j++)
        d[i, j] = least(d[i-1, j] + 1, d[i, j-1] + 1, d[i-1, j-1] + (substr(s, i, 1) != substr(t, j, 1)))
      return d[n, m]
    }
    BEGIN {
      best = 99; count = split(list, names, " ")
      for (k = 1; k <= count; k++) { d = distance(word, names[k]); if (d < best) { best = d; name = names[k] } }
      if (best <= 2 || best * 3 <= length(word)) print name
    }'
}

overrides=()
while [ $# -gt 0 ]; do
  case "$1" in
    --) shift; overrides=("$@"); break ;;
    --help | -h) show_help; exit 0 ;;
    --?*)
      option=${1%%=*}
      name=${option#--}
      name=${name//-/_}
      case " $known_options " in
        *" $name "*) ;;
        *)
          near=$(nearest "${name//_/-}" "${known_options//_/-}")
          die "unknown option $option${near:+: did you mean --$near?} (all options: --help; hyper-parameters go after --)" ;;
      esac
      if [[ $1 == *=* ]]; then
        value=${1#*=}
      elif [ "${!name}" = true ] || [ "${!name}" = false ]; then
        value=true
        case "${2:-}" in true | false) value=$2; shift ;; esac
      else
        [ $# -ge 2 ] || die "$option: missing value: type $option VALUE"
        case "$2" in --*) die "$option: missing value, found the option $2: type $option VALUE" ;; esac
        value=$2
        shift
      fi
      [ -n "$value" ] || die "$option: an empty value: type $option VALUE, or leave it out for its default"
      if [ "${!name}" = true ] || [ "${!name}" = false ]; then
        case "$value" in true | false) ;; *) die "$option: expected true or false, found $value" ;; esac
      fi
      printf -v "$name" '%s' "$value"
      shift ;;
    *) die "expected an option, found '$1' (all options: --help)" ;;
  esac
done
