#!/usr/bin/env python3
"""A flame graph of `perf script` (standard input) as an SVG (standard output): width is time, callers lie below.

    perf script -i FILE -F comm,ip,sym | tools/flame.py "title" > flame.svg
"""

import sys
from html import escape

WIDTH, ROW, LEAST = 1200, 17, 0.4  # pixels; narrower frames are left out


def read_stacks(lines):
    """Tuples of frames, outermost first, with their counts."""
    stacks, frames = {}, []
    for line in lines:
        if line.strip() and line[0].isspace():
            frames.append(line.split(None, 1)[1].strip().split("+0x")[0] if len(line.split()) > 1 else "?")
        elif frames and not line.strip():
            key = tuple(reversed(frames))
            stacks[key] = stacks.get(key, 0) + 1
            frames = []
    return stacks


def make_tree(stacks):
    root = [0, {}]
    for frames, n in stacks.items():
        node = root
        node[0] += n
        for frame in frames:
            node = node[1].setdefault(frame, [0, {}])
            node[0] += n
    return root


def depth(node):
    return 1 + max((depth(child) for child in node[1].values()), default=0)


def draw(name, node, x, level, scale, height, total):
    width = node[0] * scale
    if width < LEAST:
        return
    hue = sum(name.encode()) * 7 % 50
    y = height - (level + 1) * ROW
    share = f"{escape(name)}: {100 * node[0] / total:.2f} %, {node[0]} samples"
    print(f'<g><title>{share}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" '
          f'fill="hsl({hue},75%,65%)"/>')
    letters = int(width / 6.6) - 1
    if letters >= 3:
        shown = name if len(name) <= letters else name[: letters - 1] + "\u2026"
        print(f'<text x="{x + 3:.1f}" y="{y + 12}">{escape(shown)}</text>')
    print("</g>")
    for child, below in sorted(node[1].items()):
        draw(child, below, x, level + 1, scale, height, total)
        x += below[0] * scale


def main():
    root = make_tree(read_stacks(list(sys.stdin) + ["\n"]))
    if not root[0]:
        sys.exit("flame: no samples; is the program too short, or perf not permitted?")
    title = sys.argv[1] if len(sys.argv) > 1 else "all"
    height = (depth(root) + 1) * ROW
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
          f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">')
    print(f'<rect width="{WIDTH}" height="{height}" fill="white"/>')
    draw(title, root, 0, 0, WIDTH / root[0], height, root[0])
    print("</svg>")


if __name__ == "__main__":
    main()
