package main

// mayHash says whether there is work left for a checksum that needs a hash.
// Beyond that the form is enough.
func mayHash(cost int) bool {
	if work < mostWork/2 {
		return false
	}
	work -= cost
	return true
}

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// bech32Chars are those of BIP 173.
const bech32Chars = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

const none = 0xff

// values gives each character's place in an alphabet.
func values(alphabet string) (t [256]uint8) {
	for i := range t {
		t[i] = none
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = uint8(i)
	}
	return t
}

var base58Value, bech32Value = values(base58), values(bech32Chars)

// findBase58 looks for a Bitcoin address (base58check: version 0 or 5, 20
// bytes, and 4 bytes of double SHA-256) that begins at i.
func findBase58(v []byte, i int) (to int) {
	to = i + base58Run(v[i:])
	if n := to - i; n < 26 || n > 35 || inWord(v, to) || inWord(v, i-1) {
		return 0
	}
	if !mayHash(80_000) {
		return to
	}
	var limbs [7]uint64 // of 32 bits, the least first
	for _, c := range v[i:to] {
		carry := uint64(base58Value[c])
		for k := range limbs {
			carry += limbs[k] * 58
			limbs[k] = carry & 0xffffffff
			carry >>= 32
		}
		if carry != 0 {
			return 0
		}
	}
	var raw [28]byte
	for k, l := range limbs {
		raw[27-4*k], raw[26-4*k], raw[25-4*k], raw[24-4*k] = byte(l), byte(l>>8), byte(l>>16), byte(l>>24)
	}
	if raw[0]|raw[1]|raw[2] != 0 || raw[3] != 0 && raw[3] != 5 {
		return 0
	}
	one := sha256(raw[3:24])
	two := sha256(one[:])
	return check(to, [4]byte(two[:4]) == [4]byte(raw[24:]))
}

//go:noinline
func base58Run(v []byte) (n int) {
	for _, c := range v[:min(36, len(v))] {
		if base58Value[c] == none {
			break
		}
		n++
	}
	return n
}

// findBech32 looks for a Bitcoin address of the main network (BIP 173, BIP
// 350) whose separator is at i, behind bc, in capitals or without.
func findBech32(v []byte, i int) (from, to int) {
	from = i - 2
	if from < 0 || v[from]|0x20 != 'b' || v[from+1]|0x20 != 'c' || (v[from]^v[from+1])&0x20 != 0 || inWord(v, from-1) {
		return 0, 0
	}
	work -= 18_000
	small := v[from] & 0x20
	// The human-readable part, expanded, is the same each time.
	sum := uint32(1)
	for _, x := range [5]uint32{3, 3, 0, 2, 3} {
		sum = polymod(sum, x)
	}
	to = i + 1
	for to < len(v) && to-i <= 72 {
		c := v[to]
		if class[c]&isLetter != 0 {
			if c&0x20 != small {
				break
			}
			c |= 0x20
		}
		x := bech32Value[c]
		if x == none {
			break
		}
		sum = polymod(sum, uint32(x))
		to++
	}
	if to-i < 12 || inWord(v, to) || sum != 1 && sum != 0x2bc830a3 {
		return 0, 0
	}
	return from, to
}

// polymod takes one value into the checksum of BIP 173.
func polymod(sum, x uint32) uint32 {
	top := sum >> 25
	sum = (sum&0x1ffffff)<<5 ^ x
	for k, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		sum ^= g & -(top >> k & 1)
	}
	return sum
}

// findEthereum looks for 0x and 40 hex digits at i. Where their case is mixed,
// it has to be the checksum of EIP-55.
func findEthereum(v []byte, i int) (to int) {
	work -= 3000
	from := i + 2
	to = from + 40
	if to > len(v) || inWord(v, to) || inWord(v, i-1) {
		return 0
	}
	seen := uint8(0)
	for _, c := range v[from:to] {
		if class[c]&isHex == 0 {
			return 0
		}
		seen |= class[c]
	}
	if seen&isLetter != isLetter || !mayHash(260_000) {
		return to
	}
	var text [40]byte
	for k, c := range v[from:to] {
		text[k] = c | class[c]&isUpper<<4 // isUpper is 2: 0x20
	}
	sum := keccak256(text[:])
	for k, c := range v[from:to] {
		nibble := sum[k/2] >> (4 * (1 - k&1)) & 15
		if class[c]&isLetter != 0 && (nibble >= 8) != (class[c]&isUpper != 0) {
			return 0
		}
	}
	return to
}
