"""What is claimed, measured: every figure is a ratio, or stands beside a limit taken in the same run."""
