package sample

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"strings"
)

// pdf makes a document of one page.
func pdf(lines ...string) []byte {
	var text strings.Builder
	text.WriteString("BT /F1 14 Tf 60 760 Td 20 TL\n")
	for _, l := range lines {
		fmt.Fprintf(&text, "(%s) Tj T*\n", strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(l))
	}
	text.WriteString("ET")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", text.Len(), text.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return b.Bytes()
}

// picture paints a landscape: hills under an evening sky. With grain it does
// not compress, as photographs do not.
func picture(width, height int, grain uint8) []byte {
	r := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.RGBA{uint8(230 - 80*y/height), uint8(170 - 60*y/height), uint8(90 + 100*y/height), 255}
			for hill := range 3 {
				off := x - width*(hill+1)/4 // from the hill's top
				if y > height/2+hill*height/7+off*off/(width*(hill+2)) {
					c = color.RGBA{uint8(70 - 20*hill), uint8(110 - 25*hill), uint8(80 - 20*hill), 255}
				}
			}
			if grain > 0 {
				c.R += uint8(r.IntN(int(grain)))
				c.G += uint8(r.IntN(int(grain)))
				c.B += uint8(r.IntN(int(grain)))
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	// Without compression: it is fast, and the photograph several megabytes.
	if err := (&png.Encoder{CompressionLevel: level(grain)}).Encode(&b, img); err != nil {
		return nil // writing into memory does not fail
	}
	return b.Bytes()
}

func level(grain uint8) png.CompressionLevel {
	if grain > 0 {
		return png.NoCompression
	}
	return png.DefaultCompression
}
