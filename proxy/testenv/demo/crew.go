package main

import "context"

func playCrew(context.Context, *narrator, *stage) error { return nil }
