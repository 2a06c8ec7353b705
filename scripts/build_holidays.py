"""Write the table of closed days, from the holidays package.

Loading that package costs every command an eighth of a second, for a few hundred dates that
do not change. A test compares the table with the package.

    python scripts/build_holidays.py
"""

from __future__ import annotations

from pathlib import Path

import holidays

FIRST, LAST = 1990, 2040
TABLE = Path(__file__).parent.parent / "daemon" / "ebbwatch" / "model" / "closed_days.py"
MARKETS = {"federal-reserve": "XFED", "sifma": "XSIF"}

HEAD = '''"""Closed days of the built-in business calendars, weekends apart.

Written by ``scripts/build_holidays.py`` from the holidays package; not edited by hand. For
other years the package itself is asked.
"""

from __future__ import annotations

#: First and last year of the table.
FIRST, LAST = {first}, {last}

#: By calendar and year: month and day of each closed day, ``0101 0704``.
CLOSED = {{
'''


def main() -> None:
    """Write the table."""
    lines = [HEAD.format(first=FIRST, last=LAST)]
    for name, market in MARKETS.items():
        lines.append(f'    "{name}": {{\n')
        for year in range(FIRST, LAST + 1):
            days = sorted(
                d for d in holidays.financial_holidays(market, years=year) if d.year == year
            )
            text = " ".join(d.strftime("%m%d") for d in days if d.weekday() < 5)
            lines.append(f'        {year}: "{text}",\n')
        lines.append("    },\n")
    lines.append("}\n")
    TABLE.write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
