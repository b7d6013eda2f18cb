// Shapes of script attacks, in whatever kind of file they stand: text, macro source, shortcut argument, document.

rule powershell_encoded_command
{
    meta:
        sign = "signature.powershell-encoded"
        weight = 9
        sentence = "PowerShell is started with an encoded command."
    strings:
        $narrow = /powershell(\.exe)?["']?\s[^\r\n]{0,200}-e(nc|ncodedcommand|c)?\s+["']?[A-Za-z0-9+\/]{40}/ nocase
        $wide = /powershell(\.exe)?["']?\s[^\r\n]{0,200}-e(nc|ncodedcommand|c)?\s+["']?[A-Za-z0-9+\/]{40}/ nocase wide
    condition:
        any of them
}

rule powershell_download_cradle
{
    meta:
        sign = "signature.download-cradle"
        weight = 9
        sentence = "PowerShell fetches code and runs it without writing it down."
    strings:
        // Both halves close together, with text between them: two short words anywhere in a large file are chance.
        $run_fetched = /\b(iex|invoke-expression)\b[\t\r\n -~]{1,300}(\.download(string|data)\s*\(|invoke-webrequest|invoke-restmethod|\biwr\b)/ nocase
        $fetch_and_run = /(\.download(string|data)\s*\(|invoke-webrequest|invoke-restmethod|\biwr\b)[\t\r\n -~]{1,300}\b(iex|invoke-expression)\b/ nocase
    condition:
        filesize < 1MB and any of them
}

rule powershell_hidden_window
{
    meta:
        sign = "signature.powershell-hidden"
        weight = 8
        sentence = "PowerShell is started in a hidden window, past its policy."
    strings:
        $start = /powershell(\.exe)?/ nocase
        $hidden = /-w(indowstyle)?\s+(hidden|1\b)/ nocase
        $bypass = /-e(xecutionpolicy|p|xec)\s+(bypass|unrestricted)/ nocase
        $quiet = /-nop(rofile)?\b/ nocase
    condition:
        filesize < 1MB and $start and $hidden and ($bypass or $quiet)
}

rule living_off_the_land
{
    meta:
        sign = "signature.lolbin"
        weight = 8
        sentence = "A tool of Windows is used to fetch or start what is not its business."
    strings:
        $certutil = /certutil(\.exe)?\s[^\r\n]{0,80}-(urlcache|decode)\b/ nocase
        $bits = /bitsadmin(\.exe)?\s[^\r\n]{0,80}\/transfer\b/ nocase
        $mshta = /mshta(\.exe)?["']?\s+["']?(https?:|javascript:|vbscript:)/ nocase
        $regsvr = /regsvr32(\.exe)?\s[^\r\n]{0,80}\/i:https?:/ nocase
        $rundll = /rundll32(\.exe)?\s+javascript:/ nocase
        $wmic = /wmic(\.exe)?\s+process\s+call\s+create/ nocase
        $msiexec = /msiexec(\.exe)?\s[^\r\n]{0,40}\/(q|i)[^\r\n]{0,40}https?:/ nocase
    condition:
        filesize < 2MB and any of them
}

rule shadow_copies_deleted
{
    meta:
        sign = "signature.deletes-backups"
        weight = 9
        sentence = "Backups of the system are deleted: what ransomware does first."
    strings:
        $vss = /vssadmin(\.exe)?\s+delete\s+shadows/ nocase
        $wbadmin = /wbadmin(\.exe)?\s+delete\s+catalog/ nocase
        $bcd = /bcdedit(\.exe)?\s[^\r\n]{0,60}recoveryenabled\s+no/ nocase
    condition:
        filesize < 2MB and any of them
}

rule script_dropper
{
    meta:
        sign = "signature.script-dropper"
        weight = 9
        sentence = "A script fetches a file, writes it and starts it."
    strings:
        $fetch1 = "MSXML2.XMLHTTP" nocase
        $fetch2 = "WinHttp.WinHttpRequest" nocase
        $fetch3 = "Microsoft.XMLHTTP" nocase
        $write = "ADODB.Stream" nocase
        $start1 = "WScript.Shell" nocase
        $start2 = "Shell.Application" nocase
    condition:
        filesize < 2MB and any of ($fetch*) and $write and any of ($start*)
}

rule encoded_script
{
    meta:
        sign = "signature.encoded-script"
        weight = 7
        sentence = "A script in the encoded form of Windows Script."
    strings:
        $begin = /#@~\^[A-Za-z0-9+\/]{6}==/
        $end = "==^#~@"
    condition:
        $begin and $end
}
