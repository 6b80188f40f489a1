package lineage

// Rules by name, for the ablation test.
var Rules = map[string]rule{
	"write": ruleWrite, "limit": ruleLimit, "rows": ruleRows, "count": ruleCount, "volatile": ruleVolatile, "guard": ruleGuard,
	"decoder": ruleDecoder, "key": ruleKey, "set": ruleSet, "trigger": ruleTrigger, "whole": ruleWhole, "window": ruleWindow,
	"exists": ruleExists, "returning": ruleReturning, "opaque": ruleOpaque, "beside": ruleBeside, "multi": ruleMulti,
	"conflict": ruleConflict, "raise": ruleRaise, "denied": ruleDenied, "cursor": ruleCursor, "sensitive": ruleSensitive,
	"recursive": ruleRecursive,
}

// Without switches rules off; the answer switches them on again.
func Without(names ...string) (restore func()) {
	before := without
	for _, n := range names {
		if Rules[n] == 0 {
			panic("no rule " + n)
		}
		without |= Rules[n]
	}
	return func() { without = before }
}
