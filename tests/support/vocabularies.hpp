// Ways to name the tensors of a Llama-like model that no table knows, written from compact specs,
// and models to write in them: names and shapes only, with what each tensor truly is.
#ifndef AKA_TEST_VOCABULARIES_HPP
#define AKA_TEST_VOCABULARIES_HPP

#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace test {

enum class meaning {
    full,     // the names say what the tensors are
    partial,  // some of them do
    foreign,  // they do, in a language that nobody promised to know
    none,     // numbers, letters, names of other things
};

// `slot=name` pairs: L stands in front of the names of a layer, W or B behind all; T: matrices are
// transposed. Slots: embd onorm head; n1 n2 (norms before attention and feed-forward) qn kn (of q
// and k); q k v o, qkv, kv; gate up down, gu (gate and up); router eg eu ed (experts).
struct vocabulary {
    const char* id;
    meaning says;
    const char* text;
};

// clang-format off
inline const vocabulary vocabularies[] = {
    {"ln numbered, Yi's idea", meaning::full,
     "L=net.layers.{l}. W=.weight B=.bias embd=net.embed_tok onorm=net.norm_out "
     "head=net.lm_proj_head n1=ln_a1 n2=ln_a2 q=sa.query k=sa.key v=sa.value o=sa.merge "
     "gate=ff.gate up=ff.up down=ff.down router=ff.route eg=ff.experts.{e}.gate "
     "eu=ff.experts.{e}.up ed=ff.experts.{e}.down"},
    {"abbreviated consonants", meaning::full,
     "L=mdl.lyr.{l}. W=.wgt B=.bs embd=mdl.vcb_emb onorm=mdl.fnl_nrm head=mdl.lgts_hd "
     "n1=pre_att_nrm n2=pre_ffd_nrm q=attn.qry k=attn.ky v=attn.vl o=attn.otpt gate=mlpn.gte "
     "up=mlpn.upw down=mlpn.dwn"},
    {"slashes, kernel", meaning::full,
     "L=params/Block_{l}/ W=/kernel B=/bias embd=params/Embedder/table "
     "onorm=params/FinalNorm/scale head=params/Unembedder n1=PreAttentionNorm/scale "
     "n2=PreFfnNorm/scale q=Attention/QueryDense k=Attention/KeyDense v=Attention/ValueDense "
     "o=Attention/OutDense gate=FeedForward/GateDense up=FeedForward/UpDense "
     "down=FeedForward/DownDense"},
    {"CamelCase glued index", meaning::full,
     "L=Decoder.Block{l}. W=.Weight B=.Bias embd=Decoder.TokenEmbedding "
     "onorm=Decoder.FinalNorm head=Decoder.LMHead n1=AttnNorm n2=MlpNorm q=Attn.QProj "
     "k=Attn.KProj v=Attn.VProj o=Attn.OProj gate=Mlp.GateProj up=Mlp.UpProj "
     "down=Mlp.DownProj router=Mlp.Router eg=Mlp.Expert{e}.GateProj eu=Mlp.Expert{e}.UpProj "
     "ed=Mlp.Expert{e}.DownProj"},
    {"snake, one word", meaning::full,
     "L=layer_{l}_ W=_weight B=_bias embd=word_embed onorm=end_norm head=vocab_head "
     "n1=attnorm n2=ffnorm q=att_querymat k=att_keymat v=att_valmat o=att_outmat "
     "gate=ffn_gatemat up=ffn_upmat down=ffn_downmat"},
    {"kebab", meaning::full,
     "L=trunk-{l}- W=-w B=-b embd=trunk-token-table onorm=trunk-last-norm head=trunk-logits "
     "n1=input-norm n2=post-attention-norm q=self-attention-queries k=self-attention-keys "
     "v=self-attention-values o=self-attention-result-out gate=mlp-gating up=mlp-expand "
     "down=mlp-contract"},
    {"projQ", meaning::full,
     "L=blocks.{l}. W=.weight B=.bias embd=tokEmbedding onorm=lastNorm head=wordLogits "
     "n1=normAttn n2=normMlp q=attn.projQ k=attn.projK v=attn.projV o=attn.projO "
     "gate=mlp.projGate up=mlp.projUp down=mlp.projDown"},
    {"WQ in capitals", meaning::full,
     "L=BLK.{l}. W=.W B=.B embd=TOK.EMB onorm=FINAL.NORM head=LM.HEAD n1=ATT.NORM n2=FFN.NORM "
     "q=ATT.WQ k=ATT.WK v=ATT.WV o=ATT.WO gate=FFN.WGATE up=FFN.WUP down=FFN.WDOWN"},
    {"att_query_w", meaning::full,
     "L=h_{l}/ W= B=_b embd=tok_lookup onorm=norm_end head=lm_head_w n1=att_norm_w "
     "n2=mlp_norm_w q=att_query_w k=att_key_w v=att_val_w o=att_out_w gate=mlp_gate_w "
     "up=mlp_up_w down=mlp_down_w"},
    {"colons", meaning::full,
     "L=stack:{l}: W=:weight B=:bias embd=embed:tokens onorm=norm:final head=head:logits "
     "n1=norm:attention n2=norm:feed_forward q=attention:q k=attention:k v=attention:v "
     "o=attention:o gate=feed_forward:gate up=feed_forward:up down=feed_forward:down"},
    {"index at the end", meaning::full,
     "L= W=.weight B=.bias embd=embeddings onorm=final_layernorm head=lm_output "
     "n1=attention_layernorm.{l} n2=mlp_layernorm.{l} q=attention.q_linear.{l} "
     "k=attention.k_linear.{l} v=attention.v_linear.{l} o=attention.o_linear.{l} "
     "gate=mlp.gate_linear.{l} up=mlp.up_linear.{l} down=mlp.down_linear.{l}"},
    {"index glued to each", meaning::full,
     "L= W=.weight B=.bias embd=in_embed onorm=out_norm head=out_head n1=attn.norm{l} "
     "n2=mlp.norm{l} q=attn.query{l} k=attn.key{l} v=attn.value{l} o=attn.final{l} "
     "gate=mlp.gate{l} up=mlp.up{l} down=mlp.down{l}"},
    {"module first", meaning::full,
     "L=decoder. W=.weight B=.bias embd=decoder.vocab_embedding onorm=decoder.closing_norm "
     "head=decoder.vocab_logits n1=attn_stack.{l}.pre_norm n2=mlp_stack.{l}.pre_norm "
     "q=attn_stack.{l}.to_q k=attn_stack.{l}.to_k v=attn_stack.{l}.to_v "
     "o=attn_stack.{l}.to_out gate=mlp_stack.{l}.to_gate up=mlp_stack.{l}.to_up "
     "down=mlp_stack.{l}.to_down"},
    {"fused qkv and gate_up", meaning::full,
     "L=encoder.stack.{l}. W=.weight B=.bias embd=encoder.tok_emb onorm=encoder.norm_last "
     "head=unembed n1=n_attn.norm n2=n_ffn.norm qkv=mha.fused_qkv o=mha.out "
     "gu=ffn.fused_gate_up down=ffn.down"},
    {"fused qkv, split ffn", meaning::full,
     "L=body.{l}. W=.weight B=.bias embd=body_embed onorm=body_norm head=body_logits "
     "n1=norm_in n2=norm_mlp qkv=mixer.query_key_values o=mixer.outward gate=mlp.gate "
     "up=mlp.upscale down=mlp.downscale"},
    {"QkvPack", meaning::full,
     "L=Model/Layer{l}/ W=/W B=/B embd=Model/Vocabulary onorm=Model/LastNorm "
     "head=Model/Logits n1=InputNorm n2=PostAttnNorm qkv=Attn/QkvPack o=Attn/Output "
     "gu=Mlp/GateUpPack down=Mlp/Down"},
    {"fused kv", meaning::full,
     "L=units.{l}. W=.weight B=.bias embd=units_embed onorm=units_final_norm "
     "head=units_lm_head n1=norm_attention n2=norm_feedforward q=attention.q_map "
     "kv=attention.kv_map o=attention.o_map gate=feedforward.gate_map up=feedforward.up_map "
     "down=feedforward.down_map"},
    {"words run together", meaning::full,
     "L=transformerlayer{l}. W=.weight B=.bias embd=tokenembed onorm=finalnorm head=lmhead "
     "n1=attentionnorm n2=feedforwardnorm q=attentionquery k=attentionkey v=attentionvalue "
     "o=attentionoutput gate=feedforwardgate up=feedforwardup down=feedforwarddown"},
    {"slips of the pen", meaning::full,
     "L=layers.{l}. W=.weight B=.bias embd=embeding.tokns onorm=finl_norm head=lm_haed_logits "
     "n1=attenton_norm n2=feedfoward_norm q=attenton.qurey k=attenton.key v=attenton.vlaue "
     "o=attenton.ouput gate=feedfoward.gaet up=feedfoward.up down=feedfoward.donw"},
    {"inflected", meaning::full,
     "L=levels.{l}. W=.weights B=.biases_ embd=embeds onorm=final_norms head=logit_heads "
     "n1=attn_norms n2=mlp_norms q=attn.queried k=attn.keyed v=attn.valued o=attn.outputted "
     "gate=mlp.gated up=mlp.upped down=mlp.downed"},
    {"German", meaning::full,
     "L=schicht.{l}. W=.gewicht B=.bias embd=einbettung onorm=endnorm head=ausgabekopf "
     "n1=norm_vor_aufmerksamkeit n2=norm_vor_mlp q=aufmerksamkeit.abfragematrix "
     "k=aufmerksamkeit.schluesselmatrix v=aufmerksamkeit.wertmatrix "
     "o=aufmerksamkeit.ausgabematrix gate=mlp.tormatrix up=mlp.hochprojektion "
     "down=mlp.runterprojektion"},
    {"French", meaning::full,
     "L=couches.{l}. W=.poids B=.biais embd=plongements onorm=norme_finale head=tete_logits "
     "n1=norme_attention n2=norme_mlp q=attention.mat_requete k=attention.mat_cle "
     "v=attention.mat_valeur o=attention.mat_sortie gate=mlp.mat_porte up=mlp.mat_montee "
     "down=mlp.mat_descente"},
    {"Spanish", meaning::full,
     "L=capas.{l}. W=.peso B=.sesgo embd=tabla_tokens onorm=norma_final head=cabeza_logits "
     "n1=norma_atencion n2=norma_mlp q=atencion.consultas k=atencion.claves "
     "v=atencion.valores o=atencion.salidas gate=mlp.compuertas up=mlp.subidas "
     "down=mlp.bajadas"},
    {"Pinyin", meaning::full,
     "L=ceng.{l}. W=.quanzhong B=.bias embd=qianru_ci onorm=zuihou_norm head=shuchu_head "
     "n1=zhuyili_norm n2=mlp_norm q=zhuyili.chaxun_w k=zhuyili.jian_w v=zhuyili.zhi_w "
     "o=zhuyili.shuchu_w gate=mlp.men_w up=mlp.shang_w down=mlp.xia_w"},
    {"Russian in Latin letters", meaning::full,
     "L=sloy_{l}. W=.weight B=.bias embd=slova_embed onorm=final_norm head=logits "
     "n1=vnimanie_norm n2=mlp_norm q=vnimanie.zaprosy k=vnimanie.klyuchi "
     "v=vnimanie.znacheniya o=vnimanie.vyhody gate=mlp.vorota_w up=mlp.vverh_w down=mlp.vniz_w"},
    {"o by elimination", meaning::full,
     "L=tower.{l}. W=.weight B=.bias embd=tower_embed onorm=tower_norm head=tower_logits "
     "n1=attn.rms n2=mlp.rms q=attn.query k=attn.key v=attn.value o=attn.blend gate=mlp.gate "
     "up=mlp.lift down=mlp.drop"},
    {"w1 w2 w3", meaning::full,
     "L=chain.{l}. W=.weight B=.bias embd=chain.embed onorm=chain.norm head=chain.head "
     "n1=norm1 n2=norm2 q=att.wq k=att.wk v=att.wv o=att.wo gate=ffw.w1 up=ffw.w3 down=ffw.w2 "
     "router=ffw.router eg=ffw.experts.{e}.w1 eu=ffw.experts.{e}.w3 ed=ffw.experts.{e}.w2"},
    {"deep nesting", meaning::full,
     "L=root.model.core.stages.stage_{l}.inner. W=.param.weight B=.param.bias "
     "embd=root.model.core.vocab.embed onorm=root.model.core.final.norm "
     "head=root.model.core.final.head n1=sub_attn.norm.fn n2=sub_mlp.norm.fn "
     "q=sub_attn.fn.heads.query k=sub_attn.fn.heads.key v=sub_attn.fn.heads.value "
     "o=sub_attn.fn.heads.output gate=sub_mlp.fn.gate up=sub_mlp.fn.up down=sub_mlp.fn.down"},
    {"flat", meaning::full,
     "L=l{l}. W= B=_bias embd=emb onorm=norm head=head n1=norm_attn n2=norm_ffn q=q k=k v=v "
     "o=o gate=gate up=up down=down"},
    {"flat letters", meaning::full,
     "L=x.{l}. W= B=.b embd=x.embed onorm=x.norm head=x.head n1=n1 n2=n2 q=q k=k v=v o=o "
     "gate=g up=u down=d"},
    {"MoE specialists", meaning::full,
     "L=cortex.{l}. W=.weight B=.bias embd=cortex.words onorm=cortex.norm_final "
     "head=cortex.logits n1=norm_before_attn n2=norm_before_moe q=attn.q_head k=attn.k_head "
     "v=attn.v_head o=attn.o_head router=moe.dispatcher eg=moe.specialist.{e}.gating "
     "eu=moe.specialist.{e}.expansion ed=moe.specialist.{e}.contraction"},
    {"MoE expert index first", meaning::full,
     "L=deep.{l}. W=.weight B=.bias embd=deep_emb onorm=deep_norm head=deep_head "
     "n1=pre_attn_norm n2=pre_moe_norm q=attn.qp k=attn.kp v=attn.vp o=attn.op "
     "router=moe.router eg=moe.{e}.gate eu=moe.{e}.up ed=moe.{e}.down"},
    {"MoE flat", meaning::full,
     "L=b{l}_ W=_weight B=_bias embd=tok_emb onorm=ln_end head=lm_out n1=ln_1 n2=ln_2 "
     "q=attn_query k=attn_key v=attn_value o=attn_output router=moe_router eg=expert{e}_gate "
     "eu=expert{e}_up ed=expert{e}_down gate=ffn_gate up=ffn_up down=ffn_down"},
    {"q and k norms", meaning::full,
     "L=seq.{l}. W=.weight B=.bias embd=seq_embed onorm=seq_norm head=seq_head n1=first_norm "
     "n2=second_norm q=attn.query.dense k=attn.key.dense v=attn.value.dense "
     "o=attn.output.dense qn=attn.query.norm kn=attn.key.norm gate=mlp.gate.dense "
     "up=mlp.up.dense down=mlp.down.dense"},
    {"widening and narrowing", meaning::full,
     "L=pipe.{l}. W=.weight B=.bias embd=pipe.lexicon onorm=pipe.norm_top "
     "head=pipe.classifier n1=entry_norm n2=ffn_norm q=gqa.queries_w k=gqa.keys_w "
     "v=gqa.values_w o=gqa.out_w gate=ffn.gate_w up=ffn.widening down=ffn.narrowing"},
    {"HF with other words", meaning::full,
     "L=model.decoder.{l}. W=.weight B=.bias embd=model.token_emb onorm=model.out_norm "
     "head=vocab_proj_head n1=inputnorm n2=postattnnorm q=selfattn.qproj k=selfattn.kproj "
     "v=selfattn.vproj o=selfattn.outproj gate=mlp.gateproj up=mlp.upproj down=mlp.downproj"},
    {"weights as matrices", meaning::full,
     "L=nn.lay{l}. W=.mat B=.vec_bias embd=nn.embed_mat onorm=nn.norm_final head=nn.head_mat "
     "n1=norm_pre_attn n2=norm_pre_ffn q=attn_qm k=attn_km v=attn_vm o=attn_om gate=ffn_gatem "
     "up=ffn_upm down=ffn_downm"},
    {"gate by elimination", meaning::full,
     "L=m.{l}. W=.weight B=.bias embd=m_tok onorm=m_norm head=m_logits n1=attn.ln n2=ff.ln "
     "q=attn.qq_query k=attn.kk_key v=attn.vv_value o=attn.oo_out gate=ff.silu_branch "
     "up=ff.up_branch down=ff.back"},
    {"transposed", meaning::full,
     "L=t.{l}. T=1 W=.kernel B=.bias embd=t.embed onorm=t.norm head=t.head n1=attn_rms "
     "n2=mlp_rms q=attn.query k=attn.key v=attn.value o=attn.out gate=mlp.gate up=mlp.up "
     "down=mlp.down"},
    {"einsum", meaning::full,
     "L=transformer/layer_{l}/ W=/w B=/b embd=transformer/input_embedding "
     "onorm=transformer/final_norm head=transformer/output_head n1=pre_attention_norm "
     "n2=pre_ffw_norm q=attn/q_einsum k=attn/k_einsum v=attn/v_einsum o=attn/attn_vec_einsum "
     "gate=mlp/gating_einsum up=mlp/up_einsum down=mlp/linear_down"},
    {"modules named, matrices numbered", meaning::partial,
     "L=z.{l}. W=.weight B=.bias embd=z_embed onorm=z_norm head=z_head n1=norm_a n2=norm_b "
     "q=attn.p1 k=attn.p2 v=attn.p3 o=attn.p4 gate=mlp.m1 up=mlp.m2 down=mlp.m3"},
    {"sequential numbers", meaning::none,
     "L=seq.{l}. W=.weight B=.bias embd=t0 onorm=t1 head=t2 n1=0 n2=5 q=1 k=2 v=3 o=4 gate=6 "
     "up=7 down=8"},
    {"x1 x2", meaning::none,
     "L=m.{l}. W= B=_b embd=y1 onorm=y2 head=y3 n1=x1 n2=x6 q=x2 k=x3 v=x4 o=x5 gate=x7 up=x8 "
     "down=x9"},
    {"alphabet", meaning::none,
     "L=r.{l}. W= B=_z embd=s onorm=t head=i n1=a n2=f q=b k=c v=d o=e gate=g up=h down=j"},
    {"alphabet, unlucky", meaning::none,
     "L=r.{l}. W= B=_z embd=s onorm=t head=i n1=q n2=v q=b k=k v=d o=e gate=u up=g down=j"},
    {"Greek letters", meaning::none,
     "L=psi.{l}. W=.t B=.s embd=omega onorm=tau head=sigma n1=alpha n2=zeta q=eta k=theta "
     "v=iota o=mu gate=nu up=xi down=pi"},
    {"hashes", meaning::none,
     "L=n{l}. W= B=_s embd=f3a9 onorm=c77e head=b120 n1=a1b2 n2=ffe0 q=9c8d k=77aa v=e3e3 "
     "o=d00d gate=cafe up=babe down=f00d"},
    {"fused without words", meaning::none,
     "L=m.{l}. W=.weight B=.bias embd=p onorm=s head=r n1=t1 n2=t2 qkv=y1 o=y2 gu=y3 down=y4"},
    {"Dutch", meaning::foreign,
     "L=laag.{l}. W=.gewicht B=.bias embd=inbedding onorm=eindnorm head=uitgangskop "
     "n1=aandachtnorm n2=mlpnorm q=aandacht.vraag k=aandacht.sleutel v=aandacht.waarde "
     "o=aandacht.uitvoer gate=mlp.poort up=mlp.omhoog down=mlp.omlaag"},
    {"Polish", meaning::foreign,
     "L=warstwa.{l}. W=.waga B=.bias embd=osadzenie onorm=norma_koniec head=glowa "
     "n1=uwaga_norma n2=mlp_norma q=uwaga.zapytanie k=uwaga.klucz v=uwaga.wartosc "
     "o=uwaga.wyjscie gate=mlp.brama up=mlp.gora down=mlp.dol"},
    {"Turkish", meaning::foreign,
     "L=katman.{l}. W=.agirlik B=.bias embd=gomme onorm=son_norm head=bas n1=dikkat_norm "
     "n2=mlp_norm q=dikkat.sorgu k=dikkat.anahtar v=dikkat.deger o=dikkat.cikis gate=mlp.kapi "
     "up=mlp.yukari down=mlp.asagi"},
    {"held out: retrieval words", meaning::full,
     "L=brain.lobe{l}. W=.weight B=.bias embd=brain.tokenizer_embed onorm=brain.exit_norm "
     "head=brain.word_logits n1=attend.norm n2=think.mlp_norm q=attend.asks_query "
     "k=attend.match_key v=attend.fetch_value o=attend.emit_out gate=think.mlp_gate "
     "up=think.mlp_rise_up down=think.mlp_fall_down"},
    {"held out: numbers padded in words", meaning::full,
     "L=Net.Stack.Unit_{l}. W=.Kernel B=.Bias embd=Net.VocabTable onorm=Net.Norm_Final "
     "head=Net.Head_LM n1=Norm_Att n2=Norm_FF q=Att.Lin_Q k=Att.Lin_K v=Att.Lin_V o=Att.Lin_O "
     "gate=FF.Lin_Gate up=FF.Lin_Up down=FF.Lin_Down"},
    {"held out: index last, dashes", meaning::full,
     "L= W=-weight B=-bias embd=emb-tokens onorm=norm-final head=lm-head n1=attn-norm-{l} "
     "n2=mlp-norm-{l} q=attn-qry-{l} k=attn-ke-{l} v=attn-vlu-{l} o=attn-outp-{l} "
     "gate=mlp-gte-{l} up=mlp-up-{l} down=mlp-dn-{l}"},
    {"held out: Italian", meaning::full,
     "L=strati.{l}. W=.pesi B=.bias embd=tabella_token onorm=norma_finale head=testa_logit "
     "n1=norma_attenzione n2=norma_mlp q=attenzione.matrice_q k=attenzione.matrice_k "
     "v=attenzione.matrice_v o=attenzione.matrice_o gate=mlp.porta up=mlp.su down=mlp.giu"},
    {"held out: MoE by words", meaning::full,
     "L=tower_{l}/ W=/w B=/b embd=token_vectors onorm=final_rms head=logits_proj n1=rms_attn "
     "n2=rms_ffn q=attn/wquery k=attn/wkey v=attn/wvalue o=attn/wout router=ffn/routing "
     "eg=ffn/expert_{e}/wgate eu=ffn/expert_{e}/wup ed=ffn/expert_{e}/wdown"},
    {"held out: ln1 ln2, c_ words", meaning::full,
     "L=gpt.h{l}. W=.weight B=.bias embd=gpt.wte onorm=gpt.ln_f head=gpt.head n1=ln1 n2=ln2 "
     "q=attn.c_q k=attn.c_k v=attn.c_v o=attn.c_proj gate=mlp.c_gate up=mlp.c_up "
     "down=mlp.c_down"},
    {"held out: fused in capitals", meaning::full,
     "L=M.L{l}. W=.WEIGHT B=.BIAS embd=M.EMBED onorm=M.NORM head=M.HEAD n1=PRENORM_ATTN "
     "n2=PRENORM_MLP qkv=ATTN.QKV_PROJ o=ATTN.OUT_PROJ gu=MLP.GATE_UP_PROJ down=MLP.DOWN_PROJ"},
    {"held out: misleading modules", meaning::full,
     "L=q.{l}. W=.weight B=.bias embd=q.emb onorm=q.norm head=q.head n1=k1.norm_attn "
     "n2=k1.norm_ffn q=k1.q_lin k=k1.k_lin v=k1.v_lin o=k1.o_lin gate=k2.gate_lin "
     "up=k2.up_lin down=k2.down_lin"},
};
// clang-format on

struct vocabulary_model {
    const char* id;
    std::uint64_t n_layer, x, n_head, n_head_kv, d, f, v;
    std::uint64_t n_expert;  // 0: dense
    bool biases, tied;
};

inline const vocabulary_model vocabulary_models[] = {
    {"dense GQA", 5, 512, 8, 2, 64, 1408, 3200, 0, false, false},
    {"dense MHA", 6, 512, 8, 8, 64, 1408, 3200, 0, false, false},
    {"wide heads", 4, 320, 8, 4, 64, 1408, 3200, 0, false, false},
    {"biases", 5, 512, 8, 2, 64, 1408, 3200, 0, true, false},
    {"tied", 5, 512, 8, 4, 64, 1408, 3200, 0, false, true},
    {"MoE", 5, 512, 8, 2, 64, 1408, 3200, 8, false, false},
    {"MoE, as many experts as layers", 8, 512, 8, 2, 64, 1408, 3200, 8, false, false},
};

// One tensor, and what it truly is: `attn_q`, several for a fused one.
struct vocabulary_tensor {
    std::string name;
    std::vector<std::uint64_t> dims;
    std::vector<std::string> roles;
    bool bias = false;
};

inline std::map<std::string, std::string> vocabulary_slots(const vocabulary& v) {
    std::map<std::string, std::string> out;
    std::istringstream words(v.text);
    for (std::string w; words >> w;) out[w.substr(0, w.find('='))] = w.substr(w.find('=') + 1);
    return out;
}

// The tensors of a model in a vocabulary; none where the vocabulary has no words for it.
inline std::vector<vocabulary_tensor> write_in(const vocabulary& v, const vocabulary_model& m) {
    auto slots = vocabulary_slots(v);
    std::vector<vocabulary_tensor> out;
    if (m.n_expert != 0 ? slots.count("eg") == 0 : slots.count("down") == 0) return out;
    const bool turned = slots.count("T") != 0;
    auto put = [](std::string text, const char* hole, std::uint64_t n) {
        const std::size_t at = text.find(hole);
        return at == std::string::npos ? text : text.replace(at, 3, std::to_string(n));
    };
    auto add = [&](const std::string& slot, std::vector<std::uint64_t> dims,
                   const std::vector<std::string>& roles, std::uint64_t layer, std::uint64_t expert,
                   bool layered, bool bias) {
        if (slots.count(slot) == 0) return;
        if (turned && layered && dims.size() == 2) dims = {dims[1], dims[0]};
        const std::string name = put(
            put((layered ? slots["L"] : std::string()) + slots[slot], "{l}", layer), "{e}", expert);
        const std::uint64_t rows = dims[turned && dims.size() == 2 ? 1 : 0];
        out.push_back({name + slots["W"], dims, roles, false});
        const bool biased =
            slot == "q" || slot == "k" || slot == "v" || slot == "qkv" || slot == "kv";
        if (bias && biased) out.push_back({name + slots["B"], {rows}, roles, true});
    };
    const std::uint64_t q = m.n_head * m.d, k = m.n_head_kv * m.d, x = m.x, f = m.f;
    add("embd", {m.v, x}, {"token_embd"}, 0, 0, false, false);
    for (std::uint64_t l = 0; l < m.n_layer; ++l) {
        auto layer = [&](const char* slot, std::vector<std::uint64_t> dims,
                         const std::vector<std::string>& roles, std::uint64_t e = 0) {
            add(slot, std::move(dims), roles, l, e, true, m.biases);
        };
        layer("n1", {x}, {"attn_norm"});
        layer("q", {q, x}, {"attn_q"});
        layer("k", {k, x}, {"attn_k"});
        layer("v", {k, x}, {"attn_v"});
        layer("qkv", {q + 2 * k, x}, {"attn_q", "attn_k", "attn_v"});
        layer("kv", {2 * k, x}, {"attn_k", "attn_v"});
        layer("qn", {m.d}, {"attn_q_norm"});
        layer("kn", {m.d}, {"attn_k_norm"});
        layer("o", {x, q}, {"attn_output"});
        layer("n2", {x}, {"ffn_norm"});
        if (m.n_expert == 0) {
            layer("gate", {f, x}, {"ffn_gate"});
            layer("up", {f, x}, {"ffn_up"});
            layer("gu", {2 * f, x}, {"ffn_gate", "ffn_up"});
            layer("down", {x, f}, {"ffn_down"});
            continue;
        }
        layer("router", {m.n_expert, x}, {"ffn_gate_inp"});
        for (std::uint64_t e = 0; e < m.n_expert; ++e) {
            layer("eg", {f, x}, {"ffn_gate_exps"}, e);
            layer("eu", {f, x}, {"ffn_up_exps"}, e);
            layer("ed", {x, f}, {"ffn_down_exps"}, e);
        }
    }
    add("onorm", {x}, {"output_norm"}, 0, 0, false, false);
    if (!m.tied) add("head", {m.v, x}, {"output"}, 0, 0, false, false);
    return out;
}

}  // namespace test

#endif  // AKA_TEST_VOCABULARIES_HPP
