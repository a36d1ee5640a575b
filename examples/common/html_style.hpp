// How the page of aka-list --html looks: light and dark, wide and narrow, and on paper.
#ifndef AKA_CLI_HTML_STYLE_HPP
#define AKA_CLI_HTML_STYLE_HPP

namespace cli {

// .k0 to .k7 are kinds of tensors, .t0 to .t7 element types: the switch above the page decides
// which of the two gives a piece its colour.
inline constexpr char html_style[] = R"(
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1e23;--dim:#626973;--line:#dcdfe4;--soft:#f3f4f6;
--p0:#3f74d1;--p1:#e39b35;--p2:#d2544f;--p3:#3f9e78;--p4:#8d68c6;--p5:#3fa3b5;--p6:#a3a9b2;
--p7:#a9743c}
@media(prefers-color-scheme:dark){:root{--bg:#14161a;--fg:#e4e7eb;--dim:#98a0ab;--line:#2d3138;
--soft:#1d2025;--p0:#6f9cec;--p1:#e8ad5b;--p2:#e4817b;--p3:#62bd99;--p4:#ad90de;--p5:#66bfce;
--p6:#7d848e;--p7:#c79a67}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
main{max-width:68rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2.4rem 0 .6rem}
h3{font-size:.9rem;font-weight:600;margin:1rem 0 .3rem;overflow-wrap:anywhere}
p{margin:.3rem 0}
.dim,th,small{color:var(--dim);font-weight:400}
code,td.n,.g .n{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;
font-size:.86em;overflow-wrap:anywhere}
.facts span+span::before{content:"\00b7";padding:0 .5em;color:var(--dim)}
.switch{position:sticky;top:0;background:var(--bg);padding:.5rem 0;margin-top:.8rem;z-index:1;
border-bottom:1px solid var(--line)}
.switch label{margin-right:1em;cursor:pointer}
.k0{--c:var(--p0)}.k1{--c:var(--p1)}.k2{--c:var(--p2)}.k3{--c:var(--p3)}.k4{--c:var(--p4)}
.k5{--c:var(--p5)}.k6{--c:var(--p6)}.k7{--c:var(--p7)}
main:has(#by-type:checked) .t0,.by-type .t0{--c:var(--p0)}
main:has(#by-type:checked) .t1,.by-type .t1{--c:var(--p1)}
main:has(#by-type:checked) .t2,.by-type .t2{--c:var(--p3)}
main:has(#by-type:checked) .t3,.by-type .t3{--c:var(--p4)}
main:has(#by-type:checked) .t4,.by-type .t4{--c:var(--p2)}
main:has(#by-type:checked) .t5,.by-type .t5{--c:var(--p5)}
main:has(#by-type:checked) .t6,.by-type .t6{--c:var(--p7)}
main:has(#by-type:checked) .t7,.by-type .t7{--c:var(--p6)}
i{display:block;background:var(--c,var(--p6))}
i:hover{filter:brightness(1.15) saturate(1.3)}
.bar,.bytes{display:flex;width:100%;height:1.4rem;border-radius:3px;overflow:hidden;
background:var(--soft)}
.bar i,.bytes i{flex:none}
.bytes .head{background:var(--fg);min-width:2px}
.bytes .gap{background:repeating-linear-gradient(45deg,var(--line) 0 3px,var(--soft) 3px 6px)}
.key{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;margin:.4rem 0 1rem;padding:0;list-style:none}
.key i{display:inline-block;width:.75em;height:.75em;border-radius:2px;margin-right:.4em}
td.n{min-width:7.5rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top;
border-bottom:1px solid var(--line)}
th{font-size:.86em}
.r{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td.w{width:30%}td.w .bar{height:.8rem;margin-top:.35rem;background:none}
.key-name{min-width:13rem}
.scroll{overflow-x:auto}
.map{display:flex;align-items:flex-end;gap:2px;height:9rem;border-bottom:1px solid var(--line)}
.map div{flex:1 1 0;min-width:1px;height:100%;display:flex;flex-direction:column;
justify-content:flex-end}
.map div:hover{background:var(--soft)}
.axis{display:flex;justify-content:space-between;color:var(--dim);font-size:.8em}
.g{border-bottom:1px solid var(--line)}
.g .g{margin-left:1.2rem}
.g .row{display:grid;grid-template-columns:minmax(0,1fr) 4rem 6rem 6rem 9rem;gap:0 .8rem;
padding:.3rem 0;align-items:baseline}
.g summary{list-style:none;cursor:pointer}
.g summary::-webkit-details-marker{display:none}
.g summary .n::before{content:"\25b8\00a0";color:var(--dim)}
.g[open]>summary .n::before{content:"\25be\00a0"}
div.g>.row .n::before{content:"\00a0\00a0"}
.g .s{align-self:center}
.g .s .bar{height:.8rem}
.g .d{grid-column:1/-1;color:var(--dim);font-size:.86em;padding-left:1.3em}
.g table{margin:.2rem 0 .8rem 1.3em;width:calc(100% - 1.3em)}
select{font:inherit;max-width:100%;padding:.2rem}
@supports selector(:has(a)){.spelling{display:none}}
footer{margin-top:3rem;color:var(--dim);font-size:.86em}
@media(max-width:640px){body{font-size:14px}.g .row{grid-template-columns:minmax(0,1fr) 3rem 5.2rem}
.g .s{display:none}td.w,th.w,.o,.p{display:none}.key-name{min-width:8rem}
th,td{padding-right:.5rem}.g table{margin-left:0;width:100%}}
@media print{.switch,.spelling:not(:first-of-type){display:none}}
)";

}  // namespace cli

#endif  // AKA_CLI_HTML_STYLE_HPP
