"""A sandbox of Daytona, through its SDK."""
