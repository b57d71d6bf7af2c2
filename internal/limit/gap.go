package limit

// gap draws the gap after a call, evenly between both bounds. The same call has the same gap in every process.
func (p *pace) gap(seed uint64, bucket uint64) int64 {
	if p.gapMax <= p.gapMin {
		return p.gapMin
	}
	span := uint64(p.gapMax-p.gapMin) + 1
	return p.gapMin + int64(mix(seed^bucket)%span)
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014): close seeds give unrelated numbers.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
