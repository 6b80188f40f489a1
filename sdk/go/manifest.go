package sluice

const hexDigits = "0123456789abcdef"

// appendJSON writes a string as JSON.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < 0x20 || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func appendStrings(b []byte, key string, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":[`...)
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, s)
	}
	return append(b, ']')
}

// JSON is the manifest as the gateway reads it (sdk/ABI.md 3).
func (p *Plugin) JSON() []byte {
	m := &p.Manifest
	b := appendJSON([]byte(`{"abi":"sluice/1","name":`), m.Name)
	b = appendJSON(append(b, `,"version":`...), m.Version)
	if m.Description != "" {
		b = appendJSON(append(b, `,"description":`...), m.Description)
	}
	var provides []string
	if p.Classify != nil {
		provides = append(provides, "classify")
	}
	if p.Mask != nil || p.Stream != nil {
		provides = append(provides, "mask")
	}
	if p.Trigger != nil {
		provides = append(provides, "trigger")
	}
	b = appendStrings(b, "provides", provides)
	b = appendStrings(b, "capabilities", m.Capabilities)
	b = appendStrings(b, "kinds", m.Kinds)
	if m.Reach > 0 {
		b = append(b, `,"reach":`...)
		b = appendInt(b, m.Reach)
	}
	if m.Least > 0 {
		b = append(b, `,"least":`...)
		b = appendInt(b, m.Least)
	}
	if p.Stream != nil {
		b = append(b, `,"runs":true`...)
	}
	if m.Settings != "" {
		b = append(append(b, `,"settings":`...), m.Settings...)
	}
	if m.Vectors != "" {
		b = appendJSON(append(b, `,"vectors":`...), m.Vectors)
	}
	return append(b, '}')
}

func appendInt(b []byte, n int) []byte {
	var d [20]byte
	i := len(d)
	for {
		i--
		d[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return append(b, d[i:]...)
		}
	}
}
