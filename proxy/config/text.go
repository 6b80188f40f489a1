package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// maxDepth of brackets and of operators in a row.
const maxDepth = 64

func format(src []byte) []byte { return hclwrite.Format(src) }

// deepHCL is whether brackets nest, or operators repeat, beyond maxDepth.
func deepHCL(s Source) (hcl.Range, bool) {
	tokens, _ := hclsyntax.LexConfig(s.Data, s.Name, hcl.InitialPos)
	depth, operators := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth = max(0, depth-1)
		case hclsyntax.TokenNewline:
			if depth == 0 {
				operators = 0
			}
		case hclsyntax.TokenMinus, hclsyntax.TokenBang, hclsyntax.TokenQuestion, hclsyntax.TokenColon,
			hclsyntax.TokenDot, hclsyntax.TokenStar, hclsyntax.TokenPlus, hclsyntax.TokenSlash, hclsyntax.TokenPercent,
			hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual,
			hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq:
			operators++
		}
		if depth > maxDepth || operators > 16*maxDepth {
			return t.Range, true
		}
	}
	return hcl.Range{}, false
}

// deepJSON is the same for JSON, whose strings may be templates again.
func deepJSON(data []byte) bool {
	depth, inString, run := 0, false, 0
	for i := 0; i < len(data); i++ {
		c := data[i]
		if inString {
			switch {
			case c == '\\':
				i++
			case c == '"':
				inString = false
			case strings.IndexByte(`-!?:.+*/%([{`, c) >= 0:
				if run++; run > 16*maxDepth {
					return true
				}
			}
			continue
		}
		switch c {
		case '"':
			inString, run = true, 0
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// secretNames are the attributes whose value must be a reference; whoever writes
// the secret itself shall not find it in an error message.
var secretNames = []string{"password", "client_secret", "mask_key", "signing_key", "webhook", "secret", "token"}

var secretJSON = regexp.MustCompile(`"(?:` + strings.Join(secretNames, "|") + `)"\s*:\s*("(?:[^"\\]|\\.)*"?|[^\s,}\]]+)`)

// reference is a call in a JSON string, with or without the marks of a template.
var reference = regexp.MustCompile(`^"(\$\{)?\s*(env|file|exec|vault)\(`)

// censor returns the text for showing: what is written where a secret reference
// belongs, and is none, is blanked out. The length stays, so that places do.
func censor(s Source) []byte {
	if len(s.Data) > maxFile {
		return nil
	}
	out := slices.Clone(s.Data)
	if strings.HasSuffix(s.Name, ".json") {
		for _, m := range secretJSON.FindAllSubmatchIndex(s.Data, -1) {
			if !reference.Match(s.Data[m[2]:m[3]]) {
				blank(out[m[2]:m[3]])
			}
		}
		return out
	}
	tokens, _ := hclsyntax.LexConfig(s.Data, s.Name, hcl.InitialPos)
	for i, t := range tokens {
		if t.Type != hclsyntax.TokenIdent || !slices.Contains(secretNames, string(t.Bytes)) || i+2 >= len(tokens) {
			continue
		}
		if sep := tokens[i+1].Type; sep != hclsyntax.TokenEqual && sep != hclsyntax.TokenColon {
			continue
		}
		if v := tokens[i+2]; v.Type == hclsyntax.TokenIdent && i+3 < len(tokens) && tokens[i+3].Type == hclsyntax.TokenOParen {
			continue
		}
		// To the end of the value's line; of a heredoc, to the end of the heredoc.
		from, to := tokens[i+2].Range.Start.Byte, len(out)
		for _, u := range tokens[i+2:] {
			if u.Type == hclsyntax.TokenNewline || u.Type == hclsyntax.TokenCHeredoc || u.Type == hclsyntax.TokenEOF {
				to = u.Range.Start.Byte
				break
			}
		}
		blank(out[from:to])
	}
	return out
}

func blank(b []byte) {
	for i, c := range b {
		if c != '\n' && c != '\r' {
			b[i] = '*'
		}
	}
}
