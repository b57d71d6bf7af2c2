package redact

// filter tells quickly that a text holds none of some forms: it knows which four bytes they begin with. What it takes for
// one that may hold some is looked at properly.
type filter struct{ bits [1 << 10]uint64 }

func newFilter(forms []string) *filter {
	f := &filter{}
	for _, form := range forms {
		place := placeOf(form[0], form[1], form[2], form[3])
		f.bits[place/64] |= 1 << (place % 64)
	}
	return f
}

// placeOf is where the filter notes four bytes: the upper bits of a multiplicative hash (Knuth).
func placeOf(a, b, c, d byte) uint32 {
	return (uint32(a) | uint32(b)<<8 | uint32(c)<<16 | uint32(d)<<24) * 2654435769 >> 16
}

// passes reports whether a text certainly holds none.
func passes[T ~string | ~[]byte](f *filter, text T) bool {
	for i := 0; i+3 < len(text); i++ {
		place := placeOf(text[i], text[i+1], text[i+2], text[i+3])
		if f.bits[place/64]&(1<<(place%64)) != 0 {
			return false
		}
	}
	return true
}
