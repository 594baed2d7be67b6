"""What the reliability tests share: runs that may be killed, sites that count, disks that remember, the truth."""
