# A kernel file with its faults: awk -v name=norm.cu -f plant.awk planted.tsv .../norm.cu > copy.
# Each stands beside what is right and is chosen when the program runs: VN_PLANTED(line of the table).
BEGIN { FS = "\t" }

# A line that cannot be planted is told and left out; planted.sh counts it as stale.
function tell(why, line)
{
    printf "planted.tsv:%d: %s: %s; write the line anew, or drop it\n", line, name, why > "/dev/stderr"
}

FNR == NR {
    if ($1 == name) {
        n++
        line[n] = FNR; kind[n] = $4; behind[n] = $5; old[n] = $6; new[n] = $7
    }
    next
}

{ text = text $0 "\n" }

# Where the text begins that fault k replaces; 0 if it is not there.
function place(k,    from, at)
{
    from = index(text, behind[k])
    if (!from) return 0
    from += behind[k] == old[k] ? 0 : length(behind[k])
    at = index(substr(text, from), old[k])
    return at ? from + at - 1 : 0
}

function with_fault(k, right)
{
    if (kind[k] == "S")
        return "if (VN_PLANTED(" line[k] ")) { " new[k] " } else { " right " }"
    if (old[k] ~ /^[a-z]+ [+]= /) # the step of a loop
        return "VN_PLANTED(" line[k] ") ? (" new[k] ") : (" right ")"
    return "(VN_PLANTED(" line[k] ") ? (" new[k] ") : (" right "))"
}

END {
    for (k = 1; k <= n; k++) {
        at[k] = place(k)
        if (!at[k]) tell("\"" old[k] "\" after \"" behind[k] "\" is no longer there", line[k])
    }
    # From the last to the first, so that places stay; of several at one place, one within the other.
    for (;;) {
        last = 0
        for (k = 1; k <= n; k++)
            if (at[k] && (!last || at[k] > at[last])) last = k
        if (!last) break
        right = old[last]
        if (begun && at[last] + length(right) > begun && !(at[last] == begun && right == was)) {
            tell("it overlaps another fault", line[last])
            at[last] = 0
            continue
        }
        if (at[last] == begun) right = whole
        whole = with_fault(last, right)
        text = substr(text, 1, at[last] - 1) whole substr(text, at[last] + length(right))
        begun = at[last]
        was = old[last]
        at[last] = 0
    }
    printf "%s", text
}
