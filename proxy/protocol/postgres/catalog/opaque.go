package catalog

// TypesOpaque says whether there is any type whose input runs code that is
// neither pure nor bounded: a constant of such a type runs it while a statement
// is only analysed.
func (p *Protected) TypesOpaque() bool {
	if p == nil {
		return false
	}
	p.opaqueOnce.Do(func() {
		for oid, t := range p.snapshot.types {
			if oid >= firstUserOID && (t.Kind == 'd' || t.Kind == 'b') && p.TypeOpaque(oid) {
				p.opaqueTypes = true
				return
			}
		}
	})
	return p.opaqueTypes
}
