// Programs that are scripts in disguise.

rule autoit_compiled
{
    meta:
        sign = "signature.autoit"
        weight = 8
        sentence = "A compiled AutoIt script: a favourite wrapping of malware."
    strings:
        $mz = "MZ"
        // The magic of AutoIt's compiled scripts, then its version.
        $script = { A3 48 4B BE 98 6C 4A A9 99 4C 53 0A 86 D6 48 7D 41 55 33 21 45 41 30 }
        $text = "AU3!EA06"
    condition:
        ($mz at 0 and any of ($script, $text)) or $script at 0
}

rule reflective_loader
{
    meta:
        sign = "signature.reflective-loader"
        weight = 9
        sentence = "Code that loads a program from memory, past the file system."
    strings:
        $export = "ReflectiveLoader"
        $reflection = /\[(System\.)?Reflection\.Assembly\]::Load\s*\(/ nocase
        $base64 = "FromBase64String" nocase
    condition:
        (uint16(0) == 0x5A4D and $export) or ($reflection and $base64)
}
