package approval_test

func runVictim() bool { return false }
