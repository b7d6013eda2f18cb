// Attacks through documents.

rule rtf_equation_object
{
    meta:
        sign = "signature.rtf-equation"
        weight = 9
        sentence = "Rich text with an Equation Editor object, by class or by name."
    strings:
        $rtf = "{\\rt"
        $object = "\\objdata"
        // 0002CE02-0000-0000-C000-000000000046, and "Equation.", both as hexadecimal text.
        $class = /02\s*ce\s*02\s*00\s*00\s*00\s*00\s*00\s*c0\s*00/ nocase
        $name = /45\s*71\s*75\s*61\s*74\s*69\s*6f\s*6e\s*2e/ nocase
    condition:
        $rtf at 0 and $object and any of ($class, $name)
}

rule rtf_package_script
{
    meta:
        sign = "signature.rtf-package"
        weight = 7
        sentence = "Rich text with a packaged file."
    strings:
        $rtf = "{\\rt"
        $object = "\\objdata"
        // "Package" as hexadecimal text.
        $package = /50\s*61\s*63\s*6b\s*61\s*67\s*65\s*00/ nocase
    condition:
        $rtf at 0 and $object and $package
}

rule protocol_handler_exploit
{
    meta:
        sign = "signature.protocol-handler"
        weight = 9
        sentence = "A document reaches for the diagnostic tool or the search window of Windows by URL."
    strings:
        $msdt = /ms-msdt:[\/\w]/ nocase
        $search = /search-ms:[^\s"']{0,200}crumb=/ nocase
        $appinstaller = /ms-appinstaller:\?source=https?:/ nocase
    condition:
        filesize < 8MB and any of them
}

rule onenote_with_script
{
    meta:
        sign = "signature.onenote-file"
        weight = 8
        sentence = "A notebook page with a file that runs."
    strings:
        $note = { E4 52 5C 7B 8C D8 A7 4D AE B1 53 78 D0 29 96 D3 }
        $embedded = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
        $program = "MZ"
        $batch = "@echo off" nocase
        $hta = "<hta:application" nocase
        $script = "WScript.Shell" nocase
        $powershell = "powershell" nocase
    condition:
        $note at 0 and $embedded and (any of ($batch, $hta, $script, $powershell)
            or for any i in (1..#embedded) : (for any j in (1..#program) : (@program[j] == @embedded[i] + 36)))
}
