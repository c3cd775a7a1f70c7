# Sourced by the other scripts: installs what is missing, finds LibTorch, configures and builds.
# Sets ROOT (the checkout) and offers: step, fail, set_up, build.

set -Eeuo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TORCH_VERSION=2.13.0
PACKAGES=(
  g++ cmake ninja-build ccache python3-venv pkg-config
  qt6-base-dev qt6-svg-dev libgl1-mesa-dev
  libopencv-dev libsqlite3-dev nlohmann-json3-dev libcli11-dev libicu-dev libarchive-dev
  fonts-dejavu-core
)

step() { printf '\n== %s\n' "$*"; }
fail() { printf '\nerror: %s\n' "$*" >&2; exit 1; }
trap 'printf "\nerror: stopped at: %s\n" "$BASH_COMMAND" >&2' ERR

missing_packages() {
  local package
  for package in "${PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
  done
}

install_packages() {
  command -v apt-get >/dev/null || fail "this script installs Debian packages and finds no apt-get; see README.md for what a build needs"
  local missing root=()
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  step "Installing Debian packages: $missing"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "cannot install without root; as root run: apt-get install $missing"
    root=(sudo)
    [ -t 0 ] || root=(sudo -n)
  fi
  if ! { "${root[@]}" apt-get update -q &&
         "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; }; then
    fail "apt-get could not install the packages; as root run: apt-get install $missing"
  fi
}

# Prints the folder for CMAKE_PREFIX_PATH when an existing LibTorch lies on it.
existing_torch() {
  local folder
  while IFS= read -r folder; do
    [ -n "$folder" ] || continue
    if [ -e "$folder/share/cmake/Torch/TorchConfig.cmake" ] || [ -e "$folder/Torch/TorchConfig.cmake" ]; then
      printf '%s' "$folder"
      return 0
    fi
  done < <(printf '%s' "${CMAKE_PREFIX_PATH:-}" | tr ':;' '\n\n'; echo)
  return 1
}

# Sets TORCH_PREFIX: a LibTorch already on CMAKE_PREFIX_PATH, else the one inside `pip install torch` in build/venv.
find_torch() {
  if TORCH_PREFIX=$(existing_torch); then return 0; fi
  local venv=$ROOT/build/venv stamp=$ROOT/build/venv/torch-$TORCH_VERSION
  if [ ! -e "$stamp" ]; then
    step "Installing LibTorch $TORCH_VERSION into build/venv"
    python3 -m venv --clear "$venv" || fail "python3 cannot make a virtual environment"
    "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off "torch==$TORCH_VERSION" numpy ||
      fail "pip could not install torch==$TORCH_VERSION; set CMAKE_PREFIX_PATH to an existing LibTorch instead"
    "$venv/bin/python" -c 'import torch; print(torch.utils.cmake_prefix_path)' > "$stamp.part"
    mv "$stamp.part" "$stamp"
  fi
  TORCH_PREFIX=$(cat "$stamp")
  [ -e "$TORCH_PREFIX/Torch/TorchConfig.cmake" ] || fail "LibTorch is not where it was installed ($TORCH_PREFIX); delete build/venv and try again"
}

set_up() {
  install_packages
  mkdir -p "$ROOT/build"
  find_torch
}

# build PRESET [targets…]: configures when that was not done with this LibTorch, then builds.
build() {
  local preset=$1 folder=$ROOT/build/$1
  shift
  [ "$preset" != ci ] || folder=$ROOT/build/release
  local wanted="$preset $TORCH_PREFIX"
  if [ "$(cat "$folder/configured" 2>/dev/null)" != "$wanted" ]; then
    step "Configuring $folder"
    (cd "$ROOT" && cmake --preset "$preset" "-DCMAKE_PREFIX_PATH=$TORCH_PREFIX" -Wno-dev)
    printf '%s' "$wanted" > "$folder/configured"
  fi
  step "Building"
  cmake --build "$folder" ${1:+--target "$@"}
}
