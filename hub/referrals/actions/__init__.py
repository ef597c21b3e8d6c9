"""What can be done with referrals, by noun: requests, tasks, procedures, and what the page sends in one go."""
