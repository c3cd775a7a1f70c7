#!/usr/bin/env bash
# Sets Sememe up, makes the demo workspace and opens the explorer on it; without a display it draws the page to files.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

demo=$ROOT/build/demo
workspace=$demo/demo.sememe
bin=$ROOT/build/release/bin

set_up
build release sememe sememe-cli

# The workspace is remade only when the program that makes it, or its models, changed.
if [ ! -e "$demo/made" ] || [ -n "$(find "$ROOT/resources/demo" -newer "$demo/made" -print -quit)" ]; then
  step "Making the demo workspace in build/demo"
  "$bin/sememe-cli" demo --out "$demo"
  touch "$demo/made"
fi

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  step "Opening the explorer"
  exec "$bin/sememe" "$workspace"
fi

step "There is no display: the most and least monosemantic neurons, and the page as pictures"
"$bin/sememe-cli" demo --out "$demo" --quiet
for theme in light dark; do
  "$bin/sememe" --page explore --theme "$theme" --size 1440x900 --screenshot "$demo/explore-$theme.png" "$workspace"
  echo "wrote $demo/explore-$theme.png"
done
