"""Makes the data of the cookbook, the same each time: `python cookbook/make_data.py`.

Nobody's data, but with the faults that data has: gaps, a sensor that says -999, an outage.
"""

import csv
import math
import random
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

DATA = Path(__file__).parent / "data"

DAYS = 365
GAP = range(171, 176)
BROKEN = (63, 64, 288)

REQUESTS = 420
OUTAGE = (timedelta(minutes=95), timedelta(minutes=112))
PAGES = {"/": 8, "/products": 7, "/products/1482": 4, "/cart": 4, "/api/checkout": 5, "/login": 2}
BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (compatible; uptime-probe/2.1)",
)


def weather(path: Path) -> None:
    """A year of a weather station in the middle of Europe, a line a day."""
    chance = random.Random(1851)
    first, drift = date(2024, 7, 1), 0.0
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["date", "temp_min", "temp_max", "rain_mm", "sun_hours"])
        for number in range(DAYS):
            day = first + timedelta(days=number)
            # 1 in the middle of July, -1 in the middle of January.
            season = math.cos((day.timetuple().tm_yday - 197) / 365.25 * math.tau)
            drift = 0.78 * drift + chance.gauss(0, 2.1)
            wet = chance.random() < 0.42
            rain = round(chance.expovariate(1 / (4.2 + 1.6 * season)), 1) if wet else 0.0
            sun = max(0.0, (5.4 + 3.6 * season) * chance.uniform(0.1, 0.6 if wet else 1.5))
            mean = 10.1 + 9.4 * season + drift
            spread = 3.1 + 0.42 * sun
            low, high = f"{mean - spread:.1f}", f"{mean + spread:.1f}"
            if number in GAP:
                low = high = ""
            elif number in BROKEN:
                low = "-999.0"
            rows.writerow([day.isoformat(), low, high, f"{rain:.1f}", f"{sun:.1f}"])


def access_log(path: Path) -> None:
    """Two and a half hours of a shop's web server, with an outage of what it pays through."""
    chance = random.Random(2616)
    start = datetime(2025, 5, 12, 12, 30, tzinfo=timezone.utc)
    moments = sorted(chance.uniform(0, 9000) for _ in range(REQUESTS))
    lines = []
    for moment in moments:
        page = chance.choices(list(PAGES), list(PAGES.values()))[0]
        status, size = 200, chance.randint(900, 24_000)
        if page == "/api/checkout" and OUTAGE[0] < timedelta(seconds=moment) < OUTAGE[1]:
            status, size = chance.choice([502, 502, 504]), 166
        elif chance.random() < 0.03:
            page, status, size = "/favicon.ico", 404, 153
        elif chance.random() < 0.005:
            status, size = 500, 170
        method = "POST" if page in ("/api/checkout", "/login") else "GET"
        lines.append(
            f"203.0.113.{chance.randint(2, 250)} - - "
            f"[{start + timedelta(seconds=moment):%d/%b/%Y:%H:%M:%S %z}] "
            f'"{method} {page} HTTP/1.1" {status} {size} "-" "{chance.choice(BROWSERS)}"\n'
        )
    path.write_text("".join(lines))


if __name__ == "__main__":
    weather(DATA / "weather.csv")
    access_log(DATA / "access.log")
