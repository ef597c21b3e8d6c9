"""Quarterly meetings of the two partners of an MOU (seed 004: at least one a quarter).

States: scheduled, held, cancelled. Whoever of the two parties has `meeting.write` schedules, moves, invites, holds
and minutes; the plan alone posts (domain.md 1.5). Only the parties see a meeting; case-specific items only those of
them who may see referrals.
"""
