#!/bin/sh
# The example of a model for each group: as many files as groups, each to the bit what the command makes
# of the group's own table with the learning rate chosen. Usage: groups.sh path/to/vane path/to/groups
set -eu
vane=$1
groups=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for name in $(env | sed -n 's/^\(VANE_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
awk 'BEGIN { print "unique_id,ds,y"
    for (s = 0; s < 5; s++) for (t = 1; t <= 80 + 7 * s; t++)
        printf "%s-%d,%d,%.4f\n", s % 2 ? "north" : "south", s, t, 10 * s + 4 * sin(t / 2 + s) + t % 5 }' > t.csv
set -- --h 4 --input_size 8 --max_steps 20 --val_size 8 --val_check_steps 5 --windows_batch_size 16 \
    --mlp_units '[8, 8]' --season_length 1
mkdir models
"$groups" t.csv models "$@" > told.txt
[ "$(ls models | tr '\n' ' ')" = "north.vane south.vane " ]
for group in north south; do
    rate=$(sed -n "s|^models/$group.vane: [23] series, learning rate \([0-9.]*\),.*|\1|p" told.txt)
    { head -1 t.csv && grep "^$group-" t.csv; } > "$group.csv"
    "$vane" train "$group.csv" "$@" --learning_rate "$rate" -o alone.vane -q
    cmp alone.vane "models/$group.vane"
done
echo "2 groups, each the file it is alone"
