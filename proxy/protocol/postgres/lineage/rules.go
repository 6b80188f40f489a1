package lineage

// rule is one rule of masking.md 4. Tests switch rules off one at a time, to
// see that each is needed.
type rule uint32

const (
	ruleWrite     rule = 1 << iota // tainted values are not stored in other columns
	ruleLimit                      // LIMIT, OFFSET, TABLESAMPLE
	ruleRows                       // set-returning functions
	ruleCount                      // aggregates over rows whose number is tainted
	ruleVolatile                   // arguments of volatile functions
	ruleGuard                      // effects beside tainted data
	ruleDecoder                    // filters that compare tainted with clean
	ruleKey                        // sort, group, distinct and window keys
	ruleSet                        // UNION, INTERSECT, EXCEPT
	ruleTrigger                    // triggers that can reach protected data
	ruleWhole                      // whole rows
	ruleWindow                     // window functions take the taint of their window
	ruleExists                     // EXISTS, ANY, ALL take the taint of inner filters
	ruleReturning                  // RETURNING takes the class of what is assigned
	ruleOpaque                     // what opaque functions compute is tainted
	ruleBeside                     // clean beside tainted in a set operation is mixed
	ruleMulti                      // (a, b) = (SELECT …)
	ruleConflict                   // ON CONFLICT compares with what is there
	ruleRaise                      // rows wait where an error would tell
	ruleDenied                     // functions that are refused
	ruleCursor                     // cursors over what can raise
	ruleSensitive                  // columns of masking.md 6
	ruleRecursive                  // protected values do not end recursions
)

// without are the rules that a test has switched off.
var without rule

func on(r rule) bool { return without&r == 0 }
