#!/usr/bin/env python3
"""Write the exchange-rate series (8 columns, no header, no dates) as a wide table with integer steps.

    convert_exchange.py exchange_rate.txt.gz exchange.csv

Standard library only.
"""
import gzip
import sys


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = sys.argv[1:]
    with gzip.open(source, "rt") as file:
        rows = [line.strip() for line in file if line.strip()]
    columns = rows[0].count(",") + 1
    with open(target, "w") as out:
        out.write("ds," + ",".join(f"rate{i + 1}" for i in range(columns)) + "\n")
        for step, row in enumerate(rows, 1):
            if row.count(",") + 1 != columns:
                sys.exit(f"{source}:{step}: expected {columns} columns")
            out.write(f"{step},{row}\n")
    print(f"exchange: {columns} series of {len(rows)} steps")


if __name__ == "__main__":
    main()
