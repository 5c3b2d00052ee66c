#!/usr/bin/env python3
"""Write the M3 competition's series as Vane reads them: one series per row, train and test apart.

    convert_m3.py M3.long.csv OUT_DIR

makes M3-Yearly-train.csv, M3-Yearly-test.csv and the same for Quarterly, Monthly and Other. The input
has the columns id, period, type, h, n, start, insample, outsample, values separated by blanks.
Standard library only.
"""
import csv
import os
import sys


def write(path, rows):
    """One series per row: V1 is the id, then its values; short rows end early."""
    width = max(len(values) for _, values in rows)
    with open(path, "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(f"V{i + 1}" for i in range(width + 1))
        for name, values in rows:
            writer.writerow([name, *values, *[""] * (width - len(values))])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, folder = sys.argv[1:]
    train, test = {}, {}
    with open(source, newline="") as file:
        for row in csv.DictReader(file):
            period = row["period"].capitalize()
            insample, outsample = row["insample"].split(), row["outsample"].split()
            if len(insample) != int(row["n"]) or len(outsample) != int(row["h"]):
                sys.exit(f"{source}: series {row['id']} has {len(insample)} + {len(outsample)} values, "
                         f"expected {row['n']} + {row['h']}")
            train.setdefault(period, []).append((row["id"], insample))
            test.setdefault(period, []).append((row["id"], outsample))
    os.makedirs(folder, exist_ok=True)
    for period in train:
        write(os.path.join(folder, f"M3-{period}-train.csv"), train[period])
        write(os.path.join(folder, f"M3-{period}-test.csv"), test[period])
        print(f"M3-{period}: {len(train[period])} series")


if __name__ == "__main__":
    main()
