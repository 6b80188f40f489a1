package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"sluice.dev/proxy/gate/recorded"
)

//go:embed templates/*.html
var templateFiles embed.FS

// static/vendor holds htmx and its SSE extension once build.sh has fetched them; on a bare clone it holds a note, and
// console.js keeps pages fresh in a plainer way.
//
//go:embed static
var staticFiles embed.FS

const (
	vendorHTMX = "static/vendor/htmx.min.js"
	vendorSSE  = "static/vendor/sse.min.js"
)

// Vendored is whether the libraries are in this binary.
func Vendored() bool {
	for _, name := range []string{vendorHTMX, vendorSSE} {
		if _, err := fs.Stat(staticFiles, name); err != nil {
			return false
		}
	}
	return true
}

// asset is the path of a static file with its digest, so that a browser may keep it for ever.
func asset(name string) (string, error) {
	b, err := staticFiles.ReadFile("static/" + name)
	if err != nil {
		return "", fmt.Errorf("console: asset %s: %w", name, err)
	}
	sum := sha256.Sum256(b)
	return "/static/" + name + "?v=" + hex.EncodeToString(sum[:6]), nil
}

// static serves the files, and no listing of them.
func static() http.Handler {
	files := http.FileServerFS(staticFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Clean(strings.TrimPrefix(r.URL.Path, "/"))
		if info, err := fs.Stat(staticFiles, name); err != nil || info.IsDir() {
			http.NotFound(w, r)
			return
		}
		if r.URL.Query().Get("v") != "" {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		files.ServeHTTP(w, r)
	})
}

// pageNames are the pages; each is a file that defines "main", and maybe parts of it.
var pageNames = []string{"holds", "ticket", "sessions", "recording", "decisions", "decision", "shadow", "status", "message"}

// parsePages makes one set of templates: page x is "x", its parts have names of their own.
func parsePages(now func() time.Time) (*template.Template, error) {
	t := template.New("").Option("missingkey=error").Funcs(template.FuncMap{
		"absolute": absolute,
		"relative": func(at time.Time) string { return Relative(at, now()) },
		"iso":      func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"spans":    spans, "seen": Visible, "short": short, "offset": offset,
		"asset": asset, "vendored": Vendored,
		"since": recorded.SinceOf, "place": recorded.Place, "verdict": verdictWord, "verdictIcon": verdictIcon, "would": would,
		"join": strings.Join, "int": func(n int64) int { return int(n) },
		"plural": func(n int, one, many string) string {
			if n == 1 {
				return fmt.Sprintf("%d %s", n, one)
			}
			return fmt.Sprintf("%d %s", n, many)
		},
	})
	t, err := t.ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("console: templates: %w", err)
	}
	for _, name := range pageNames {
		if t.Lookup(name) == nil {
			return nil, fmt.Errorf("console: templates: no page %q", name)
		}
	}
	return t, nil
}
