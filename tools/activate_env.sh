# Sets `python` to an interpreter that has the package; builds .venv at the first run. Source it with `repository` set.
activated=${VIRTUAL_ENV:-${CONDA_PREFIX:-}}
python=$repository/.venv/bin/python
if [ -n "$activated" ] && "$activated/bin/python" -I -c 'import speechbrain_ext' 2>/dev/null; then
  python=$activated/bin/python
else
  bash "$repository/tools/setup_env.sh"
fi
