package main

// work is what is left of a call's fuel, by a guess at what each look costs.
// When it is spent, what is left of the batch is hidden without a look: a batch
// may be so full of what must be checked that the gateway would end the call,
// and refuse the command. Ordinary text needs a tenth of it.
var work = mostWork

const (
	mostWork   = 10_000_000
	cellWork   = 800 // for a cell, and to hide it unseen
	anchorWork = 300 // for a run of digits
)
