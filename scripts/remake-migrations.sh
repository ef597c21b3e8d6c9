#!/usr/bin/env bash
# Write the first migration of features anew from their tables: only while no release has that schema.
# Usage: scripts/remake-migrations.sh mou [referrals …]      Indexes are in <app>_0002_indexes.py, by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
for app in "$@"; do
    folder=hub/$app/piccolo_migrations
    [ "$app" = documents ] && folder=hub/db/piccolo_migrations
    rm -f "$folder"/${app}_0001_tables.py
    keep=$(mktemp -d)
    mv "$folder"/${app}_0002_indexes.py "$keep"/ 2>/dev/null || true
    PICCOLO_CONF=hub.db.piccolo_conf PYTHONWARNINGS=ignore .venv/bin/piccolo migrations new "$app" --auto --desc=tables >/dev/null
    made=$(ls "$folder"/"$app"_*t*_*.py)
    sed -i 's/^ID = .*/ID = "2026-11-01T00:00:00:000001"/' "$made"
    mv "$made" "$folder"/${app}_0001_tables.py
    mv "$keep"/${app}_0002_indexes.py "$folder"/ 2>/dev/null || true
    rmdir "$keep"
    echo "$folder/${app}_0001_tables.py"
done
