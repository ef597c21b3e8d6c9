#!/usr/bin/env bash
# Makes sure that a Chromium for the browser tests is on the PATH; installs Debian's where it may.
set -euo pipefail
find_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
find_browser >/dev/null && exit 0

install="apt-get update && apt-get install -y chromium"
if command -v apt-get >/dev/null; then
    as_root=""
    if [ "$(id -u)" = 0 ]; then as_root="env"; elif sudo -n true 2>/dev/null; then as_root="sudo -n env"; fi
    if [ -n "$as_root" ]; then
        echo "Installing Chromium for the browser tests (once, about a minute) ..."
        log=$(mktemp)
        if { $as_root apt-get -q update && $as_root DEBIAN_FRONTEND=noninteractive \
             apt-get -q install -y --no-install-recommends chromium; } >"$log" 2>&1 && find_browser >/dev/null; then
            rm -f "$log"
            exit 0
        fi
        tail -n 20 "$log" >&2
        rm -f "$log"
    else
        install="sudo sh -c '$install'"
    fi
else
    install="install Chromium with this system's package manager"
fi
echo "The browser tests need Chromium, and it could not be installed from here. Run:" >&2
echo "    $install" >&2
exit 1
