"""What several tests share: fixtures, real engines, and the guard on logs."""
