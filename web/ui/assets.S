/* The page's files as they are; ui.c gives them their names. */
    .section .rodata

    .macro asset name, file
    .global ui_\name
    .global ui_\name\()_end
    .hidden ui_\name
    .hidden ui_\name\()_end
ui_\name:
    .incbin "\file"
ui_\name\()_end:
    .endm

    asset page_html, "web/ui/page.html"
    asset page_css, "web/ui/page.css"
    asset page_js, "web/ui/page.js"

    .section .note.GNU-stack, "", %progbits
