package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// ABI is the name of the interface between gateway and module.
const ABI = "sluice/1"

// Manifest is what a module says of itself (sdk/ABI.md 3).
type Manifest struct {
	ABI         string `json:"abi"`
	Name        string `json:"name"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
	// Provides lists "classify", "mask" and "trigger".
	Provides []string `json:"provides"`
	// Capabilities are the host functions that the module needs granted:
	// "pseudonym", "log" for lines about data, and "now" for the clock.
	Capabilities []string `json:"capabilities,omitempty"`
	// Kinds are what its edits can be of: an edit names one by its index.
	Kinds []string `json:"kinds,omitempty"`
	// Reach is the length in bytes of the longest finding; 1,024 if absent.
	Reach int `json:"reach,omitempty"`
	// Least is how long in bytes a bound value has to be for the module to see
	// it: a shorter one is handed over as empty.
	Least int `json:"least,omitempty"`
	// Runs says that the module takes runs of a byte stream (sdk/ABI.md 5.3); one
	// that does not is shown windows of the stream.
	Runs bool `json:"runs,omitempty"`
	// Settings is the JSON Schema of the settings.
	Settings json.RawMessage `json:"settings,omitempty"`
	// Vectors are self-tests, run before the module is used (sdk/ABI.md 9).
	Vectors string `json:"vectors,omitempty"`
}

// capabilities are what a manifest may ask for and an operator grant.
var capabilities = []string{"log", "now", "pseudonym"}

func readManifest(b []byte) (Manifest, error) {
	var m Manifest
	if len(b) > MaxManifest {
		return m, fmt.Errorf("the manifest has %d bytes, the limit is %d", len(b), MaxManifest)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("the manifest is not what sluice/1 says: %w", err)
	}
	if d.More() {
		return m, errors.New("the manifest is more than one JSON object")
	}
	if m.ABI != ABI {
		return m, fmt.Errorf("the manifest is of ABI %.40q, this gateway speaks %q", m.ABI, ABI)
	}
	if !validName(m.Name) {
		return m, fmt.Errorf("the manifest's name %.80q is not of the form [a-z0-9][a-z0-9-_.:]*", m.Name)
	}
	if len(m.Version) > 64 || len(m.Description) > 1024 {
		return m, errors.New("the manifest's version or description is too long")
	}
	if len(m.Provides) == 0 {
		return m, errors.New("the manifest provides nothing: name classify, mask or trigger")
	}
	for _, p := range m.Provides {
		if !slices.Contains([]string{"classify", "mask", "trigger"}, p) {
			return m, fmt.Errorf("the manifest provides %.40q: use classify, mask or trigger", p)
		}
	}
	for _, c := range m.Capabilities {
		if !slices.Contains(capabilities, c) {
			return m, fmt.Errorf("the manifest asks for the capability %.40q: this gateway has %s", c, strings.Join(capabilities, ", "))
		}
	}
	if len(m.Kinds) > 256 {
		return m, fmt.Errorf("the manifest has %d kinds, the limit is 256", len(m.Kinds))
	}
	for i, k := range m.Kinds {
		if !validName(k) || slices.Contains(m.Kinds[:i], k) {
			return m, fmt.Errorf("the manifest's kind %.80q is there twice, or not of the form [a-z0-9][a-z0-9-_.:]*", k)
		}
	}
	if m.Reach == 0 {
		m.Reach = 1024
	}
	if m.Reach < 0 || m.Reach > MaxReach {
		return m, fmt.Errorf("the manifest's reach is %d, the limit is %d", m.Reach, MaxReach)
	}
	if m.Least < 0 || m.Least > MaxReach {
		return m, fmt.Errorf("the manifest's least is %d, the limit is %d", m.Least, MaxReach)
	}
	return m, nil
}

// noLoader refuses every schema that is not there already: a module's schema
// reads no file of the gateway's.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: a plugin's schema cannot refer to other documents", url)
}

// schemaOf compiles the settings' schema; nil if there is none.
func (m *Manifest) schemaOf() (*jsonschema.Schema, error) {
	if len(m.Settings) == 0 {
		return nil, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(m.Settings))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	const at = "sluice:///settings"
	if err := c.AddResource(at, doc); err != nil {
		return nil, err
	}
	s, err := c.Compile(at)
	if err != nil {
		return nil, fmt.Errorf("the manifest's settings schema: %w", err)
	}
	return s, nil
}

// checkSettings validates settings; the first fault is a *SettingsError.
func checkSettings(s *jsonschema.Schema, settings []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(settings))
	if err != nil {
		return &SettingsError{Message: "not JSON: " + err.Error()}
	}
	if s == nil {
		if o, ok := doc.(map[string]any); !ok || len(o) > 0 {
			return &SettingsError{Message: "this plugin takes no settings"}
		}
		return nil
	}
	err = s.Validate(doc)
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return err
	}
	for len(v.Causes) > 0 {
		v = v.Causes[0]
	}
	if extra, ok := v.ErrorKind.(*kind.AdditionalProperties); ok && len(extra.Properties) > 0 {
		return &SettingsError{Path: append(slices.Clone(v.InstanceLocation), extra.Properties[0]), Message: "there is no such setting"}
	}
	return &SettingsError{Path: v.InstanceLocation, Message: v.ErrorKind.LocalizedString(message.NewPrinter(language.English))}
}
