// Files that exist to be found: they do nothing.

rule eicar_test_file
{
    meta:
        sign = "signature.eicar"
        weight = 10
        sentence = "The EICAR test file: harmless, and made to be found."
    strings:
        // The string itself is not spelled out, so that scanners leave this file alone.
        $text = { 58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D 24
                  45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53 54
                  2D 46 49 4C 45 21 24 48 2B 48 2A }
    condition:
        $text at 0 or (filesize < 4096 and $text)
}

rule gtube_test_text
{
    meta:
        sign = "signature.gtube"
        weight = 6
        sentence = "The GTUBE test text: harmless, and made to be taken for spam."
    strings:
        $text = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    condition:
        filesize < 65536 and $text
}
