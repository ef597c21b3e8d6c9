"""The bench: every figure that the hub promises, measured on a real server with everything on.

`make bench` (`FAST=1`: smaller data, within three minutes) prints one table and writes it to `docs/performance.md`. A
ratio is always of two things measured in turn, A B A B …, in one run: absolute rates of a shared machine vary
several-fold, and what is measured back to back varies together. One file in `rows` for each row.
"""
