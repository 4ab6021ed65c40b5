# A safe folder name for a corpus's name, as speechbrain_ext.utils.files.folder_name makes it. Source it: it needs no
# environment, so that run.sh knows its folders before one is activated.

folder_name() { # name: prints the name, or a short form of it and ten digits of its SHA-256
  local LC_ALL=C name=$1 short digest
  if [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$ ]]; then
    printf '%s' "$name"
    return
  fi
  short=${name//[^A-Za-z0-9_-]/-}
  short=${short:0:24}
  while [[ $short == -* ]]; do short=${short#-}; done
  while [[ $short == *- ]]; do short=${short%-}; done
  if command -v sha256sum >/dev/null; then
    digest=$(printf '%s' "$name" | sha256sum)
  else
    digest=$(printf '%s' "$name" | shasum -a 256)
  fi
  printf '%s~%s' "${short:-name}" "${digest:0:10}"
}
